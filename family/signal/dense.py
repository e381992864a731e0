"""All odds of a row, as float16 log-probabilities."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from family.signal.rows import mapped, taken


def encode(odds: Tensor) -> dict[str, NDArray[Any]]:
    """`logp` float16 [R, V] of log-probabilities float32 [R, V]."""
    return {"logp": odds.numpy().astype(np.float16)}


class DenseRows:
    """The odds of all tokens, in the teacher's numbering on disk."""

    def __init__(self, folder: Path, vocabulary: int, offsets: NDArray[np.int64]) -> None:
        self.vocabulary, self.offsets = vocabulary, offsets
        logp = mapped(folder, "logp")
        assert logp is not None
        self.logp = logp
        self.names = mapped(folder, "names")

    def rows(self, blocks: Sequence[int]) -> tuple[None, NDArray[np.float16]]:
        logp = taken(self.logp, self.offsets, blocks)
        if self.names is None:
            return None, logp
        spread = np.full((len(logp), self.vocabulary), -np.inf, np.float16)
        spread[:, self.names] = logp
        return None, spread
