"""The k likeliest tokens of a row, each probability in 8 bits.

A token is stored as the share that it takes of what the likelier ones left over. Shares in (0, 1)
are angles, `share = sin²(angle)`, and one step of the angle is worth about the same KL wherever it
is taken (arcsine is what stabilises a binomial's variance; Bartlett 1936): with 255 steps, less
than 1e-5 nats for each token that is listed. What the last token leaves over is the tail, as exact
as the rest even if it is tiny.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from family.signal.ids import unpacked
from family.signal.rows import mapped, taken
from family.spec import TopK

STEPS = 255
#: Share of each code. The first and the last one stand for what is nearest to none and to all.
SHARES = np.sin(np.clip(np.arange(STEPS + 1), 0.1, STEPS - 0.1) * (np.pi / 2 / STEPS)) ** 2


def encode(odds: Tensor, codec: TopK) -> dict[str, NDArray[Any]]:
    """Token ids and `shares` uint8, all [R, k], of log-probabilities float32 [R, V]."""
    top = odds.topk(min(codec.k, odds.shape[1]))
    p = top.values.double().exp()
    left = (1 - (p.cumsum(-1) - p)).clamp(min=1e-12)
    angle = (p / left).clamp(max=1).sqrt().asin()
    codes = (angle * (2 * STEPS / torch.pi)).round()
    return {"ids": top.indices.numpy(), "shares": codes.numpy().astype(np.uint8)}


def decode(shares: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Natural log-probabilities [R, k]; each row's add up to less than 1."""
    own, left = (np.log(part).astype(np.float32)[shares] for part in (SHARES, 1 - SHARES))
    logp: NDArray[np.float32] = own + np.cumsum(left, axis=1) - left
    return logp


class TopKRows:
    """The k likeliest tokens of each target."""

    def __init__(self, folder: Path, vocabulary: int, offsets: NDArray[np.int64]) -> None:
        self.vocabulary, self.offsets = vocabulary, offsets
        low, shares = mapped(folder, "ids"), mapped(folder, "shares")
        assert low is not None
        assert shares is not None
        self.low, self.high, self.shares = low, mapped(folder, "ids_high"), shares

    def rows(self, blocks: Sequence[int]) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
        low, shares = (taken(part, self.offsets, blocks) for part in (self.low, self.shares))
        high = None if self.high is None else taken(self.high, self.offsets, blocks)
        return unpacked(low, high), decode(shares)
