"""Norms of a student that trains under autocast on a processor.

What comes after a norm is cast to bfloat16 by each layer that reads it, and the norm keeps two
tensors in float32 for its gradient. Here it is cast once, and one is kept.
"""

from types import MethodType
from typing import Any

import torch
from torch import Tensor, nn


def quicken_norms(student: Any) -> None:
    """Let the RMS norms before a student's layers hand out what those read."""
    for module in student.modules():
        if _is_plain(module) and module is not getattr(student.base_model, "norm", None):
            module.forward = MethodType(_forward, module)


@torch.no_grad()
def _is_plain(module: nn.Module) -> bool:
    """Whether it is what most architectures mean by an RMS norm, under whatever name."""
    least, weight = getattr(module, "variance_epsilon", None), getattr(module, "weight", None)
    if least is None or weight is None or weight.dim() > 1:
        return False
    sample = torch.linspace(-2, 3, len(weight), device=weight.device)
    expected = sample * (sample.square().mean() + least).rsqrt() * weight
    return torch.allclose(module(sample), expected)


def _forward(self: Any, hidden_states: Tensor) -> Tensor:
    cast = hidden_states.device.type == "cpu" and torch.is_autocast_enabled("cpu")
    if not cast or hidden_states.dtype != torch.float32:
        plain: Tensor = type(self).forward(self, hidden_states)
        return plain
    normed: Tensor = _Norm.apply(  # type: ignore[no-untyped-call]
        hidden_states, self.weight, self.variance_epsilon, torch.get_autocast_dtype("cpu")
    )
    return normed


class _Norm(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, states: Tensor, weight: Tensor, least: float, dtype: torch.dtype
    ) -> Tensor:
        size = torch.linalg.vector_norm(states, dim=-1, keepdim=True)
        scale = size.square_().div_(states.shape[-1]).add_(least).rsqrt_()
        ctx.save_for_backward(states, weight, scale)
        normed: Tensor = (states * scale).mul_(weight).to(dtype)
        return normed

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        states, weight, scale = ctx.saved_tensors
        grad = grads[0].float()
        normed = states * scale
        grad_weight = (grad * normed).flatten(0, -2).sum(0)
        grad.mul_(weight)
        along = (grad * normed).mean(-1, keepdim=True)
        return grad.sub_(normed.mul_(along)).mul_(scale), grad_weight, None, None
