"""Which rows and columns of a layer's matrices belong to what: the one place that names them.

A new architecture is a few more lines in `AXES`, if that. Where its layers, its embedding and its
head sit, the model says itself.
"""

from dataclasses import dataclass
from enum import Enum, auto
from typing import Any

import torch
from torch import Tensor

from family.errors import DescentError
from family.spec import ModelShape


class Axis(Enum):
    """What one axis of a weight runs over."""

    CHANNELS = auto()
    """The residual stream."""
    UNITS = auto()
    """Feed-forward units."""
    GATED_UNITS = auto()
    """Their gates, then the units themselves."""
    QUERIES = auto()
    """Query heads times head_dim."""
    KEYS = auto()
    """Key-value heads times head_dim."""
    QUERIES_KEYS_VALUES = auto()
    """All queries, then all keys, then all values."""
    HEADS_OF_THREE = auto()
    """For each head its query, its key, its value."""
    WHOLE = auto()
    """Never cut."""


Axes = tuple[Axis, Axis | None]

READS, NORM = Axis.CHANNELS, (Axis.CHANNELS, None)

#: Rows and columns of each module of a layer; None where there is one axis, a norm's.
#: Biases run over the rows. Architectures name things apart, so one table serves all.
AXES: dict[str, Axes] = {
    # llama, mistral, qwen2, qwen3, gemma, gemma2, gemma3, smollm3; in part phi and phi3
    "self_attn.q_proj": (Axis.QUERIES, READS),
    "self_attn.k_proj": (Axis.KEYS, READS),
    "self_attn.v_proj": (Axis.KEYS, READS),
    "self_attn.o_proj": (Axis.CHANNELS, Axis.QUERIES),
    "self_attn.q_norm": (Axis.WHOLE, None),
    "self_attn.k_norm": (Axis.WHOLE, None),
    "mlp.gate_proj": (Axis.UNITS, READS),
    "mlp.up_proj": (Axis.UNITS, READS),
    "mlp.down_proj": (Axis.CHANNELS, Axis.UNITS),
    "input_layernorm": NORM,
    "post_attention_layernorm": NORM,
    "pre_feedforward_layernorm": NORM,
    "post_feedforward_layernorm": NORM,
    # phi
    "self_attn.dense": (Axis.CHANNELS, Axis.QUERIES),
    "self_attn.q_layernorm": (Axis.WHOLE, None),
    "self_attn.k_layernorm": (Axis.WHOLE, None),
    "mlp.fc1": (Axis.UNITS, READS),
    "mlp.fc2": (Axis.CHANNELS, Axis.UNITS),
    # phi3
    "self_attn.qkv_proj": (Axis.QUERIES_KEYS_VALUES, READS),
    "mlp.gate_up_proj": (Axis.GATED_UNITS, READS),
    # gpt_neox
    "attention.query_key_value": (Axis.HEADS_OF_THREE, READS),
    "attention.dense": (Axis.CHANNELS, Axis.QUERIES),
    "mlp.dense_h_to_4h": (Axis.UNITS, READS),
    "mlp.dense_4h_to_h": (Axis.CHANNELS, Axis.UNITS),
}

#: Architectures that keep heads × head_dim = hidden, and a key-value head for each query head.
ONE_WIDTH = {"gpt_neox"}

#: Lists in a configuration with one entry for each layer.
PER_LAYER = ("layer_types", "no_rope_layers")


@dataclass(frozen=True)
class Kept:
    """Indices that stay, of a layer's channels, units, query heads and key-value heads."""

    channels: Tensor
    units: Tensor
    heads: Tensor
    kv_heads: Tensor

    def of(self, name: str, weight: Tensor, shape: ModelShape) -> Tensor:
        """The part that stays of a weight or bias, by its name in a layer of `shape`."""
        rows, columns = AXES[module_of(name)]
        kept = weight[self._indices(rows, weight.shape[0], shape)]
        if columns is None or weight.dim() == 1:
            return kept
        return kept[:, self._indices(columns, weight.shape[1], shape)]

    def _indices(self, axis: Axis, length: int, shape: ModelShape) -> Tensor:
        width = shape.head_dim
        match axis:
            case Axis.CHANNELS:
                return self.channels
            case Axis.UNITS:
                return self.units
            case Axis.GATED_UNITS:
                return torch.cat([self.units, self.units + shape.intermediate])
            case Axis.QUERIES:
                return spans(self.heads, width)
            case Axis.KEYS:
                return spans(self.kv_heads, width)
            case Axis.QUERIES_KEYS_VALUES:
                keys = spans(self.kv_heads, width)
                at = shape.heads * width
                return torch.cat(
                    [spans(self.heads, width), keys + at, keys + at + shape.kv_heads * width]
                )
            case Axis.HEADS_OF_THREE:
                return spans(self.heads, 3 * width)
            case Axis.WHOLE:
                return torch.arange(length)


def spans(heads: Tensor, width: int) -> Tensor:
    """The rows of some heads that have `width` rows each, one after the other."""
    return (heads[:, None] * width + torch.arange(width)).flatten()


def module_of(name: str) -> str:
    """`mlp.fc1` of `mlp.fc1.bias`."""
    return name.rpartition(".")[0]


def layers_prefix(model: Any) -> str:
    """What the names of the weights in layers begin with: `model.layers.` and the like."""
    layers = model.base_model.layers
    return next(f"{name}." for name, module in model.named_modules() if module is layers)


def check_layers(model: Any) -> None:
    """Refuse layers with parts that nobody said how to cut."""
    layers = model.base_model.layers
    names = {module_of(name) for layer in layers for name, _ in layer.named_parameters()}
    if unknown := sorted(names - AXES.keys()):
        raise DescentError(
            f"start: a {model.config.model_type} layer has {unknown[0]}, which cannot be cut. "
            f"Families start from llama, qwen2, qwen3, mistral, gemma, gemma2, gemma3, phi, phi3 "
            f"and gpt_neox models; of others, use `start: {{kind: random}}`."
        )


def check_kind(config: Any, target: ModelShape) -> None:
    """Refuse a shape that the parent's architecture cannot have."""
    if config.model_type not in ONE_WIDTH:
        return
    width = target.heads * target.head_dim
    if target.heads != target.kv_heads or width != target.hidden:
        raise DescentError(
            f"start.shape: {target.heads} heads of {target.head_dim} over {target.kv_heads} "
            f"kv_heads do not make hidden {target.hidden}, as a {config.model_type} needs. Use "
            f"heads: {target.hidden // target.head_dim} and as many kv_heads, or hidden: {width}."
        )


def token_weights(model: Any) -> set[str]:
    """Names of the weights and biases with one row for each token: embedding and head."""
    modules = (model.get_input_embeddings(), model.get_output_embeddings())
    theirs = {id(weight) for module in modules if module for weight in module.parameters()}
    every = model.named_parameters(remove_duplicate=False)
    return {name for name, weight in every if id(weight) in theirs}
