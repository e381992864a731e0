"""Arrays of a signal on disk, and where each block's rows are in them."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray


class Rows(Protocol):
    """A signal that is open for reading, whatever its codec."""

    offsets: NDArray[np.int64]
    """Where each block's rows begin, and the last one's end, [N + 1]."""
    vocabulary: int
    """How many ids the flagship's tokens have."""

    def rows(self, blocks: Sequence[int]) -> tuple[NDArray[np.int32] | None, NDArray[Any]]:
        """What is known at all targets of these blocks, in order: flagship ids [M', k] and their
        natural log-probabilities, float [M', k], -inf for a place that holds nothing; or None and
        the log-probabilities of all the flagship's tokens, [M', V]."""


def mapped(folder: Path, name: str) -> NDArray[Any] | None:
    """An array of the signal, read as it is used; None if its codec keeps none of this name."""
    path = folder / f"{name}.npy"
    return np.load(path, mmap_mode="r") if path.exists() else None


def taken(array: NDArray[Any], starts: NDArray[np.int64], blocks: Sequence[int]) -> NDArray[Any]:
    """The parts of an array that belong to these blocks, in order."""
    return np.concatenate([array[starts[block] : starts[block + 1]] for block in blocks])
