"""What matters least to a model, measured on the corpus, and models without it.

Layers by block influence (Men et al. 2024, ShortGPT); feed-forward units, hidden channels and
whole groups of query heads with their key-value head by the size of their activations
(Muralidharan et al. 2024, Minitron). Weights are llama-style; shapes as in `ModelShape`.
"""

from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import cosine_similarity

from family.spec import ModelShape


@dataclass
class Importance:
    """How much each part matters; more is more."""

    layers: Tensor
    """1 - cosine between a layer's input and output, [L]."""
    units: Tensor
    """Feed-forward units: mean |activation| times the norm of what they write, [L, I]."""
    channels: Tensor
    """Channels of the residual stream: mean |normed activation|, [H]."""
    groups: Tensor
    """Key-value heads with their query heads: mean norm of what they write, [L, G]."""


@torch.no_grad()
def measure(model: Any, shape: ModelShape, tokens: Tensor, positions: Tensor) -> Importance:
    """Importance on blocks of tokens int64 [N, T]."""
    layers = model.model.layers
    found = Importance(
        torch.zeros(shape.layers),
        torch.zeros(shape.layers, shape.intermediate),
        torch.zeros(shape.hidden),
        torch.zeros(shape.layers, shape.kv_heads),
    )

    def on_layer(i: int, _: nn.Module, args: tuple[Tensor, ...], output: Tensor) -> None:
        moved = 1 - cosine_similarity(args[0].float(), output.float(), dim=-1)
        found.layers[i] += moved.mean()

    def on_norm(_: nn.Module, __: tuple[Tensor, ...], output: Tensor) -> None:
        found.channels += output.float().abs().mean((0, 1))

    def on_units(i: int, _: nn.Module, args: tuple[Tensor, ...]) -> None:
        found.units[i] += args[0].float().abs().mean((0, 1))

    def on_heads(i: int, _: nn.Module, args: tuple[Tensor, ...]) -> None:
        heads = args[0].float()
        heads = heads.reshape(*heads.shape[:2], shape.kv_heads, -1)
        found.groups[i] += heads.norm(dim=-1).mean((0, 1))

    hooks = []
    for i, layer in enumerate(layers):
        hooks += [
            layer.register_forward_hook(partial(on_layer, i)),
            layer.input_layernorm.register_forward_hook(on_norm),
            layer.post_attention_layernorm.register_forward_hook(on_norm),
            layer.mlp.down_proj.register_forward_pre_hook(partial(on_units, i)),
            layer.self_attn.o_proj.register_forward_pre_hook(partial(on_heads, i)),
        ]
    try:
        for row, at in zip(tokens[:, None], positions[:, None], strict=True):
            model.model(input_ids=row, position_ids=at, use_cache=False)
    finally:
        for hook in hooks:
            hook.remove()
    for i, layer in enumerate(layers):
        found.units[i] *= layer.mlp.down_proj.weight.float().norm(dim=0)
    return found


def most(scores: Tensor, count: int) -> Tensor:
    """Indices of the `count` highest scores, ascending."""
    return scores.topk(count).indices.sort().values


def spaced(count: int, of: int) -> Tensor:
    """`count` indices at even distances, the first and the last among them."""
    return torch.linspace(0, of - 1, count).round().long()


def prune(
    model: Any, shape: ModelShape, target: ModelShape, layers: Tensor, found: Importance
) -> dict[str, Tensor]:
    """The state of a model of shape `target` with the weights of `model` that matter most."""
    channels = most(found.channels, target.hidden)
    state = model.state_dict()
    pruned = {
        name: weight[..., channels]
        for name, weight in state.items()
        if not name.startswith("model.layers.")
    }
    for new, old in enumerate(layers.tolist()):
        cut = _LayerCut(
            channels,
            most(found.units[old], target.intermediate),
            _rows_of_groups(found.groups[old], shape, target),
            most(found.groups[old], target.kv_heads),
            shape,
        )
        prefix = f"model.layers.{old}."
        for name, weight in state.items():
            if name.startswith(prefix):
                part = name.removeprefix(prefix)
                pruned[f"model.layers.{new}.{part}"] = cut.of(part, weight)
    return {name: weight.contiguous() for name, weight in pruned.items()}


def _rows_of_groups(scores: Tensor, shape: ModelShape, target: ModelShape) -> Tensor:
    """Query heads to keep: of each kept group the first ones, as many as the target has."""
    per_group, wanted = shape.heads // shape.kv_heads, target.heads // target.kv_heads
    groups = most(scores, target.kv_heads)
    return (groups[:, None] * per_group + torch.arange(wanted)).flatten()


@dataclass
class _LayerCut:
    """Which rows and columns of one layer stay."""

    channels: Tensor
    units: Tensor
    heads: Tensor
    kv_heads: Tensor
    shape: ModelShape

    def of(self, name: str, weight: Tensor) -> Tensor:
        """The part of a layer's weight, or bias, that stays."""
        module = name.removesuffix(".weight").removesuffix(".bias").rsplit(".", 1)[-1]
        rows, columns = self._axes()[module]
        return weight[rows] if columns is None or weight.dim() == 1 else weight[rows][:, columns]

    def _axes(self) -> dict[str, tuple[Tensor, Tensor | None]]:
        """Rows and columns to keep of each module."""
        queries, keys = self._head_rows(self.heads), self._head_rows(self.kv_heads)
        return {
            "q_proj": (queries, self.channels),
            "k_proj": (keys, self.channels),
            "v_proj": (keys, self.channels),
            "o_proj": (self.channels, queries),
            "gate_proj": (self.units, self.channels),
            "up_proj": (self.units, self.channels),
            "down_proj": (self.channels, self.units),
            "input_layernorm": (self.channels, None),
            "post_attention_layernorm": (self.channels, None),
        }

    def _head_rows(self, heads: Tensor) -> Tensor:
        width = self.shape.head_dim
        return (heads[:, None] * width + torch.arange(width)).flatten()
