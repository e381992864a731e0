"""What matters least to a model, measured on the corpus, and models without it.

Layers by block influence (Men et al. 2024, ShortGPT) or by the loss without them; feed-forward
units, hidden channels and whole groups of query heads with their key-value head by the size of
their activations (Muralidharan et al. 2024, Minitron). What a layer's modules are called and which
way their weights lie is `layout`'s to know; shapes are as in `ModelShape`.
"""

from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import cosine_similarity, cross_entropy

from family.spec import ModelShape
from family.student.layout import AXES, NORM, Axis, Kept, check_layers, layers_prefix, token_weights
from family.teacher.head import Head


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
    check_layers(model)
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
    norms = {}
    for i, layer in enumerate(model.base_model.layers):
        hooks.append(layer.register_forward_hook(partial(on_layer, i)))
        for name, module in layer.named_modules():
            match AXES.get(name):
                case axes if axes == NORM:
                    hooks.append(module.register_forward_hook(on_norm))
                case (Axis.CHANNELS, Axis.UNITS):
                    hooks.append(module.register_forward_pre_hook(partial(on_units, i)))
                    norms[i] = module.weight.float().norm(dim=0)
                case (Axis.CHANNELS, Axis.QUERIES):
                    hooks.append(module.register_forward_pre_hook(partial(on_heads, i)))
    try:
        for row, at in zip(tokens[:, None], positions[:, None], strict=True):
            model.base_model(input_ids=row, position_ids=at, use_cache=False)
    finally:
        for hook in hooks:
            hook.remove()
    for i, norm in norms.items():
        found.units[i] *= norm
    return found


class _Absent(nn.Module):
    """Stands where a layer was taken away."""

    def forward(self, states: Tensor, *_: Any, **__: Any) -> Tensor:
        return states


@torch.no_grad()
def least_missed(
    model: Any, count: int, tokens: Tensor, positions: Tensor, labels: Tensor
) -> Tensor:
    """The `count` layers that are left when, one after the other, the layer is taken away without
    which the labels int64 [N, T] are least surprising; negative ones say nothing."""
    head = Head.of(model)
    layers = model.base_model.layers
    everyone = list(layers)
    kept = list(range(len(everyone)))

    def without(i: int) -> float:
        layers[i] = _Absent()
        missed = sum(map(surprise, tokens, positions, labels))
        layers[i] = everyone[i]
        return missed

    def surprise(row: Tensor, at: Tensor, said: Tensor) -> float:
        states = model.base_model(
            input_ids=row[None], position_ids=at[None], use_cache=False
        ).last_hidden_state[0, said >= 0]
        return float(cross_entropy(head(states.float()), said[said >= 0], reduction="sum"))

    try:
        while len(kept) > count:
            gone = min(kept, key=without)
            kept.remove(gone)
            layers[gone] = _Absent()
    finally:
        for i, layer in enumerate(everyone):
            layers[i] = layer
    return torch.tensor(kept)


def most(scores: Tensor, count: int) -> Tensor:
    """Indices of the `count` highest scores, ascending."""
    return scores.topk(count).indices.sort().values


def spaced(count: int, of: int) -> Tensor:
    """`count` indices at even distances, the first and the last among them."""
    return torch.linspace(0, of - 1, count).round().long()


def prune(
    model: Any, shape: ModelShape, target: ModelShape, layers: Tensor, found: Importance
) -> dict[str, Tensor]:
    """The state of a model of shape `target`, but of the old vocabulary, with the weights of
    `model` that matter most."""
    channels = most(found.channels, target.hidden)
    prefix = layers_prefix(model)
    biases = {name for name in token_weights(model) if name.endswith(".bias")}
    state = model.state_dict()
    pruned = {
        name: weight if name in biases else weight[..., channels]
        for name, weight in state.items()
        if not name.startswith(prefix)
    }
    for new, old in enumerate(layers.tolist()):
        kept = Kept(
            channels,
            most(found.units[old], target.intermediate),
            _heads_of_groups(found.groups[old], shape, target),
            most(found.groups[old], target.kv_heads),
        )
        for name, weight in state.items():
            if name.startswith(f"{prefix}{old}."):
                part = name.removeprefix(f"{prefix}{old}.")
                pruned[f"{prefix}{new}.{part}"] = kept.of(part, weight, shape)
    return {name: weight.contiguous() for name, weight in pruned.items()}


def _heads_of_groups(scores: Tensor, shape: ModelShape, target: ModelShape) -> Tensor:
    """Query heads to keep: of each kept group the first ones, as many as the target has."""
    per_group, wanted = shape.heads // shape.kv_heads, target.heads // target.kv_heads
    groups = most(scores, target.kv_heads)
    return (groups[:, None] * per_group + torch.arange(wanted)).flatten()
