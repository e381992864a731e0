"""How next-token odds are kept on disk, and found again by a block's number.

A signal holds one row for each target: the teacher's odds at the position before a kept token.
Rows stand in the order of the blocks and, in a block, of the positions; `offsets` int64 [N + 1]
says where each block's rows begin. Token ids are the flagship's, whoever the teacher is.
"""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from family.signal import dense, sampled, top_k
from family.signal.ids import packed
from family.signal.rows import Rows
from family.signal.source import Header
from family.spec import Codec, Dense, Sampled, TopK


def encode(
    odds: Tensor, codec: Codec, first: int, names: NDArray[np.int32] | None, vocabulary: int
) -> dict[str, NDArray[Any]]:
    """What is kept of log-probabilities float32 [R, V], the signal's rows from `first` on.

    `names` [V] are the flagship's ids of the teacher's tokens, None if they are its own;
    `vocabulary` is how many ids there are."""
    match codec:
        case Dense():
            return dense.encode(odds)
        case TopK():
            arrays = top_k.encode(odds, codec)
        case Sampled():
            arrays = sampled.encode(odds, codec, first)
    ids = arrays.pop("ids")
    return {**packed(ids if names is None else names[ids], vocabulary), **arrays}


def mass_kept(odds: Tensor, codec: Codec) -> float:
    """Probability of what a codec lists, summed over rows [R, V]; what is drawn speaks for all."""
    if not isinstance(codec, TopK):
        return float(len(odds))
    return float(odds.topk(min(codec.k, odds.shape[1])).values.double().exp().sum())


def open_signal(folder: Path) -> Rows:
    """A signal to read from, memory-mapped."""
    header = Header.read(folder)
    offsets = np.load(folder / "offsets.npy")
    match header.source.codec:
        case Dense():
            return dense.DenseRows(folder, header.vocabulary, offsets)
        case TopK():
            return top_k.TopKRows(folder, header.vocabulary, offsets)
        case Sampled():
            return sampled.SampledRows(folder, header.vocabulary, offsets)
