"""Seconds and bytes of a stage's work on a device. Pure.

Work is counted as in Kaplan et al. 2020 (arXiv 2001.08361): 2 floating-point operations per
parameter and token forward, 4 more backward; attention over the sequence is left out. Three
constants turn counts into seconds. The first is fitted to one published run; the others are
assumed. `published` says how far off they are elsewhere.
"""

from dataclasses import dataclass
from typing import Literal

from family.estimate import BASE_MEMORY
from family.scale.hardware import Device
from family.spec import ModelShape

#: Share of a device's peak that training reaches. Fitted: what the 600 H100-hours of the run
#: `nemotron-nano` leave, once its teacher's pass is taken off at `FORWARD`.
TRAINING = 0.142
#: Share of the peak that a forward pass over whole sequences reaches. Assumed.
FORWARD = 0.40
#: Share of the memory's bandwidth that decoding reaches. Assumed, and checked against nothing.
BANDWIDTH = 0.60
#: Share of a device's memory that stays free for fragments and communication. Assumed.
RESERVE = 0.10

#: Rows of logits that the loss holds at once, and logits that it works on, in float32, as in
#: `family.distill.loss`.
HEAD_ROWS, HEAD_WORKED = 256, 2**25
#: Bytes of a trained parameter: master weight, gradient and optimizer state.
STATE_BYTES = {"adamw": 16, "adamw_8bit": 10}

Sharding = Literal["ddp", "fsdp"]


# ---- seconds on one device -----------------------------------------------------------------


def training_seconds(
    device: Device, parameters: float, tokens: float, *, recompute: bool = False
) -> float:
    """Forward and backward; with `recompute`, forward once more."""
    return (8 if recompute else 6) * parameters * tokens / (device.bf16_flops * TRAINING)


def forward_seconds(device: Device, parameters: float, tokens: float) -> float:
    return 2 * parameters * tokens / (device.bf16_flops * FORWARD)


def decode_seconds(
    device: Device, model: ModelShape, tokens: float, batch: int, length: float
) -> float:
    """Writing `tokens`, `batch` sequences side by side that grow to `length`.

    Every step reads all weights and, on average, half of the longest cache; large batches are
    bound by arithmetic instead."""
    step_bytes = 2 * model.parameters + batch * cache_bytes(model, length / 2)
    read = tokens / batch * step_bytes / (device.bandwidth * BANDWIDTH)
    return max(read, forward_seconds(device, model.parameters, tokens))


def cache_bytes(model: ModelShape, length: float) -> float:
    """Keys and values of one sequence in bfloat16."""
    return 4 * length * model.layers * model.kv_heads * model.head_dim


# ---- bytes on one device -------------------------------------------------------------------


@dataclass(frozen=True)
class Layout:
    """How one training is laid out over `devices`."""

    devices: int
    sharding: Sharding
    recompute: bool = False

    @property
    def written(self) -> str:
        """`fsdp, recomputed`; `alone` on one device."""
        name = self.sharding if self.devices > 1 else "alone"
        return f"{name}, recomputed" if self.recompute else name


def training_bytes(model: ModelShape, layout: Layout, optimizer: str, tokens: int) -> float:
    """Memory of each device while `tokens` pass through it at once.

    Weights, gradients and optimizer state are whole under DDP and cut into shares under FSDP,
    which gathers two layers at a time. Computing in bfloat16 copies the weights that are at
    hand. The head's logits come in chunks, but its gradient is whole, in float32."""
    states = float(STATE_BYTES[optimizer] * model.parameters)
    copies = 2.0 * model.parameters
    if layout.sharding == "fsdp" and layout.devices > 1:
        states /= layout.devices
        copies = 2 * 2 * (model.body_parameters / model.layers)
    logits = HEAD_ROWS * model.vocabulary
    head = 2 * logits + 12 * min(logits, HEAD_WORKED) + 6 * model.hidden * model.vocabulary
    return BASE_MEMORY + states + copies + head + activation_bytes(model, tokens, layout.recompute)


def activation_bytes(model: ModelShape, tokens: int, recompute: bool) -> float:
    """What the backward pass needs of the forward pass, in bfloat16, as `family.estimate` has it;
    with `recompute`, each layer's input and one layer's insides."""
    inside = 2 * (16 * model.hidden + 8 * model.intermediate)
    if recompute:
        return tokens * (2 * model.hidden * model.layers + inside)
    return tokens * inside * model.layers


def room(device: Device) -> float:
    """Bytes that may be planned with."""
    return device.memory_bytes * (1 - RESERVE)
