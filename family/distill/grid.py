"""The int4 grid of ONNX Runtime's MatMulNBits, and training on it.

Weights [out, in] are cut along `in` into blocks that share one scale: the block's value of largest
magnitude over -8. Codes run from 0 to 15 around a zero point of 8, as `MatMulNBitsQuantizer` stores
them by default. A weight that lies on the grid is quantized to itself, so that what was trained is
what is exported, bit for bit.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.distributed.tensor import DTensor


def on_grid(weights: Tensor, block: int) -> Tensor:
    """The nearest weights on the grid; float [out, in], `in` a multiple of `block`, `out` >= 0."""
    rows, columns = weights.shape
    blocks = weights.reshape(rows, columns // block, block)
    largest = blocks.gather(-1, blocks.abs().argmax(-1, keepdim=True))
    scale = largest / -8
    codes = torch.where(scale == 0, 0, blocks / scale).round_().clamp_(-8, 7)
    return (codes * scale).reshape(weights.shape)


class Grid:
    """All matrices of a model that are stored in int4: its linear layers and its embedding.

    Of a model that FSDP has cut up it moves this process' shares: a share is whole rows, and a row
    is whole blocks."""

    def __init__(self, model: Any, block: int) -> None:
        self.block = block
        self.modules = [m for m in model.modules() if isinstance(m, (nn.Linear, nn.Embedding))]

    @property
    def weights(self) -> list[Tensor]:
        """Their values, which change as these tensors do.

        Looked up anew each time, since FSDP and checkpoints put other parameters in place."""
        # A tied head and its embedding are one weight, and count once.
        found = {id(module.weight): module.weight for module in self.modules}.values()
        return [w.to_local() if isinstance(w, DTensor) else w.data for w in found]

    @torch.no_grad()
    def holds(self) -> bool:
        """Whether all weights lie on the grid already."""
        return all(torch.equal(on_grid(weight, self.block), weight) for weight in self.weights)

    @contextmanager
    @torch.no_grad()
    def applied(self) -> Iterator[None]:
        """Compute with the weights on the grid, and go back to the ones off it.

        The gradient that is taken inside reaches the weights as if rounding were the identity
        (straight through; Bengio et al. 2013)."""
        weights = self.weights
        off_grid = [weight.clone() for weight in weights]
        self.settle()
        try:
            yield
        finally:
            for weight, before in zip(weights, off_grid, strict=True):
                weight.copy_(before)

    @torch.no_grad()
    def settle(self) -> None:
        """Put the weights on the grid."""
        for weight in self.weights:
            weight.copy_(on_grid(weight, self.block))
