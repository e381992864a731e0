"""Attention on a processor, in bfloat16: whole rows of scores, and gradients from those.

torch's own (`scaled_dot_product_attention`) took 2.5 times as long for blocks of some hundred
tokens, forward and backward. Rows of scores are computed anew for the gradient, so that a layer
keeps none; those of one layer at a time exist, [B, H, T, T] in bfloat16.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from transformers import AttentionInterface, AttentionMaskInterface
from transformers.integrations.sdpa_attention import sdpa_attention_forward
from transformers.masking_utils import sdpa_mask

NAME = "rows_on_processor"
#: Positions whose scores are worked out together.
POSITIONS = 64


def quicken(model: Any) -> None:
    """Let a model that attends through torch's own attention do so through this, where it can."""
    if model.config._attn_implementation == "sdpa":
        model.set_attn_implementation(NAME)


def _attention(
    module: Any,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    dropout: float = 0.0,
    scaling: float | None = None,
    **others: Any,
) -> tuple[Tensor, None]:
    """As transformers asks for it: query [B, H, T, D], key and value [B, K, T, D] -> [B, T, H, D].

    Anything but causal attention of a whole text in bfloat16, on a processor, is torch's."""
    dtype = torch.get_autocast_dtype("cpu") if torch.is_autocast_enabled("cpu") else query.dtype
    same_length = query.shape[2] == key.shape[2] > 1
    causal = others.get("is_causal") in (None, True) and getattr(module, "is_causal", True)
    masked = attention_mask is None or attention_mask.dtype == torch.bool
    plain = not dropout and not any(others.get(name) is not None for name in UNUSUAL)
    if (
        query.device.type == "cpu"
        and dtype == torch.bfloat16
        and same_length
        and causal
        and masked
        and plain
    ):
        scale = query.shape[-1] ** -0.5 if scaling is None else scaling
        mask = _causal(query) if attention_mask is None else attention_mask
        bias = torch.zeros(mask.shape, dtype=dtype).masked_fill_(~mask, torch.finfo(dtype).min)
        found: Tensor = _Rows.apply(  # type: ignore[no-untyped-call]
            query.to(dtype), key.to(dtype), value.to(dtype), bias, scale
        )
        return found, None
    return sdpa_attention_forward(  # type: ignore[no-any-return]
        module, query, key, value, attention_mask, dropout, scaling, **others
    )


#: What transformers may ask for beyond that.
UNUSUAL = ("softcap", "s_aux", "position_bias", "cache")


def _causal(query: Tensor) -> Tensor:
    length = query.shape[2]
    return torch.ones(length, length, dtype=torch.bool).tril()[None, None]


class _Rows(torch.autograd.Function):
    """Query heads that share a key are rows of one product with it; some positions at a time, with
    the keys that they can look back to."""

    @staticmethod
    def forward(
        ctx: Any, query: Tensor, key: Tensor, value: Tensor, bias: Tensor, scale: float
    ) -> Tensor:
        ctx.save_for_backward(query, key, value, bias)
        ctx.scale = scale
        found = torch.empty_like(query.transpose(1, 2), memory_format=torch.contiguous_format)
        for part in _Part.all(query * scale, key, bias):
            part.of(found.transpose(1, 2))[:] = part.shaped(part.odds() @ part.before(value))
        return found

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        query, key, value, bias = ctx.saved_tensors
        grad = grads[0].transpose(1, 2)
        grad_query = torch.empty_like(query)
        grad_key, grad_value = torch.zeros_like(key), torch.zeros_like(value)
        for part in _Part.all(query * ctx.scale, key, bias):
            own, odds = part.rows(grad), part.odds()
            slope = torch._softmax_backward_data(
                own @ part.before(value).mT, odds, dim=-1, input_dtype=odds.dtype
            )
            part.of(grad_query)[:] = part.shaped(slope @ part.before(key)).mul_(ctx.scale)
            part.before(grad_key).add_(slope.mT @ part.rows(part.query))
            part.before(grad_value).add_(odds.mT @ own)
        return grad_query, grad_key, grad_value, None, None


@dataclass(frozen=True)
class _Part:
    """Positions from `start` to `end`."""

    query: Tensor
    key: Tensor
    bias: Tensor
    start: int
    end: int

    @classmethod
    def all(cls, query: Tensor, key: Tensor, bias: Tensor) -> Iterator["_Part"]:
        for start in range(0, query.shape[2], POSITIONS):
            yield cls(query, key, bias, start, min(start + POSITIONS, query.shape[2]))

    def of(self, heads: Tensor) -> Tensor:
        """Its positions, [B, H, t, D]."""
        return heads[:, :, self.start : self.end]

    def rows(self, heads: Tensor) -> Tensor:
        """Likewise by the key that heads share, [B, K, H / K * t, D]."""
        return self.of(heads).reshape(*self.key.shape[:2], -1, heads.shape[-1])

    def shaped(self, rows: Tensor) -> Tensor:
        """The way back."""
        return rows.view(rows.shape[0], -1, self.end - self.start, rows.shape[-1])

    def before(self, keys: Tensor) -> Tensor:
        """The keys up to its end, [B, K, T', D]."""
        return keys[:, :, : self.end]

    def odds(self) -> Tensor:
        """How much each row attends to each key, [B, K, H / K * t, T']."""
        scores = self.rows(self.query) @ self.before(self.key).mT
        bias = self.bias[:, :, self.start : self.end, : self.end]
        scores.view(*scores.shape[:2], -1, *bias.shape[2:]).add_(bias[:, :, None])
        return scores.softmax(-1)


AttentionInterface.register(NAME, _attention)
AttentionMaskInterface.register(NAME, sdpa_mask)
