"""Tokens drawn at random from a row's odds, each with how much of them it stands for.

"Sparse Logit Sampling: Accelerating Knowledge Distillation in LLMs" (Anshumann et al. 2025, arXiv
2503.16870): where the k likeliest tokens are always the same and leave out the rest, tokens drawn
from the odds give each one its own probability on average, and the right gradient with it.

The draws of a row are evenly spaced, from a random start (systematic sampling; Madow 1949): a token
of probability p is drawn n p times, rounded down or up, rather than about n p times give or take
sqrt(n p). That is as right on average, and far nearer to it each time.
"""

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from family.signal.ids import unpacked
from family.signal.rows import mapped, taken
from family.spec import Sampled


def encode(odds: Tensor, codec: Sampled, first: int) -> dict[str, NDArray[Any]]:
    """What was drawn at rows [R, V], of which the first is the signal's row `first`: `different`
    uint8 [R], how many tokens, and one after the other [sum(different)] their ids and `weights`:
    how often they were drawn, or (float16, relative) that over how likelier the draw made them."""
    proposal = odds if codec.power == 1 else (codec.power * odds).log_softmax(-1)
    reached = proposal.exp().cumsum(-1, dtype=torch.float64)
    # Seeded by the row's own number: the same whichever process captures it.
    starts = [np.random.default_rng([codec.seed, first + row]).random() for row in range(len(odds))]
    even = torch.arange(codec.draws) + torch.tensor(starts, dtype=torch.float64)[:, None]
    at = even / codec.draws * reached[:, -1:]
    drawn = torch.searchsorted(reached, at, right=True).clamp(max=odds.shape[1] - 1)
    new = drawn.diff(dim=1, prepend=drawn.new_full((len(drawn), 1), -1)) != 0
    ids = drawn[new]
    (begun,) = new.flatten().nonzero(as_tuple=True)  # a row's first token is always new
    counts = begun.diff(append=begun.new_tensor([new.numel()]))
    kept = {"different": new.sum(1).numpy().astype(np.uint8), "ids": ids.numpy()}
    if codec.power == 1:
        return {**kept, "weights": counts.numpy().astype(np.uint8)}
    weights = torch.zeros_like(drawn, dtype=torch.float64)
    weights[new] = counts * (odds - proposal).gather(1, drawn)[new].double().exp()
    weights /= weights.max(1, keepdim=True).values
    return {**kept, "weights": weights[new].numpy().astype(np.float16)}


class SampledRows:
    """The tokens that were drawn at each target, made up to as many as the most that differ."""

    def __init__(self, folder: Path, vocabulary: int, offsets: NDArray[np.int64]) -> None:
        self.vocabulary, self.offsets = vocabulary, offsets
        arrays = (mapped(folder, name) for name in ("different", "ids", "weights"))
        different, low, weights = arrays
        assert different is not None
        assert low is not None
        assert weights is not None
        self.different, self.low, self.weights = different, low, weights
        self.high = mapped(folder, "ids_high")
        self.width = int(different.max())
        sizes = [int(different[start:end].sum()) for start, end in pairwise(offsets)]
        self.starts = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)

    def rows(self, blocks: Sequence[int]) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
        low, weights = (taken(part, self.starts, blocks) for part in (self.low, self.weights))
        high = None if self.high is None else taken(self.high, self.starts, blocks)
        held = np.arange(self.width) < taken(self.different, self.offsets, blocks)[:, None]
        ids = np.zeros(held.shape, np.int32)
        ids[held] = unpacked(low, high)
        share = np.zeros(held.shape, np.float32)
        share[held] = weights
        with np.errstate(divide="ignore"):
            return ids, np.log(share / share.sum(1, keepdims=True))
