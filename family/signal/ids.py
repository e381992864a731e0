"""Token ids in 2 bytes, or in 3 where a vocabulary has more than 65,536.

Two files: the low 16 bits of each id and, where any id has more, the others.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

LOW_BITS = 16


def packed(ids: NDArray[np.integer[Any]], vocabulary: int) -> dict[str, NDArray[Any]]:
    """`ids` uint16 and, for a large vocabulary, `ids_high` uint8, of the same shape."""
    low = {"ids": (ids & 0xFFFF).astype(np.uint16)}
    if vocabulary <= 1 << LOW_BITS:
        return low
    return {**low, "ids_high": (ids >> LOW_BITS).astype(np.uint8)}


def unpacked(low: NDArray[np.uint16], high: NDArray[np.uint8] | None) -> NDArray[np.int32]:
    """The ids again."""
    ids = low.astype(np.int32)
    return ids if high is None else ids | high.astype(np.int32) << LOW_BITS
