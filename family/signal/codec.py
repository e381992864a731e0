"""How next-token odds are kept on disk, and found again by a block's number.

A signal holds one row for each target: the teacher's odds at the position before a kept token.
Rows stand in the order of the blocks and, in a block, of the positions; `offsets` int64 [N + 1]
says where each block's rows begin. Token ids are the flagship's, whoever the teacher is.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class TopKSignal:
    """The k likeliest tokens of each target, memory-mapped."""

    ids: NDArray[np.int32]
    """[M, k]"""
    logp: NDArray[np.float16]
    """Natural log-probabilities, [M, k]."""
    offsets: NDArray[np.int64]

    @classmethod
    def open(cls, folder: Path) -> "TopKSignal":
        ids, logp = (np.load(folder / f"{name}.npy", mmap_mode="r") for name in ("ids", "logp"))
        return cls(ids, logp, np.load(folder / "offsets.npy"))

    def rows(self, blocks: Sequence[int]) -> tuple[NDArray[np.int32], NDArray[np.float16]]:
        """ids and logp of all targets of these blocks, in order, each [M', k]."""
        parts = [slice(self.offsets[block], self.offsets[block + 1]) for block in blocks]
        return (
            np.concatenate([self.ids[part] for part in parts]),
            np.concatenate([self.logp[part] for part in parts]),
        )
