"""A bound on a student's size in place of its shape, and the shape that it comes to.

Every shape on the grid that devices run is weighed. Of those that use the budget up to the last
3 %, the one whose proportions move least from the parent's is taken: least squares over the logs of
its layers, its width, its feed-forward width over its width, and its heads over its width. Depth
counts double: Minitron (Muralidharan et al. 2024) finds that at equal size cutting width costs less
than cutting depth. Squares do the rest: a small cut falls mostly on width, a large one on both.
"""

import re
from collections.abc import Iterator
from math import log
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, model_validator

from family.spec.shape import ModelShape
from family.stage import Settings

#: Of a budget, the share that may stay unused.
SLACK = 0.03
#: What widths go by: int4 blocks need multiples of 32.
STEP = 32
#: Bytes in an int4 file for each weight: 4 bits, a scale for each block, some matrices at 8 bits.
INT4_BYTES = 0.64
#: And its graph.
INT4_GRAPH = 150_000
#: How much a change of each proportion counts; see above.
DEPTH, WIDTH, FEED_FORWARD, HEADS = 2.0, 1.0, 1.0, 1.0

SUFFIXES = {"": 1, "K": 1e3, "M": 1e6, "B": 1e9}


def _count(value: Any) -> Any:
    """35000000 for `35M`."""
    if isinstance(value, str):
        found = re.fullmatch(r"(\d+(?:\.\d+)?) ?([KMB]?)", value.strip().upper())
        if not found:
            raise ValueError("expected a count like 35M or 1.2B")
        return round(float(found[1]) * SUFFIXES[found[2]])
    return value


class Budget(Settings):
    """How large a student may be. Its shape is then picked: one that every export runs, within 3 %
    of the budget, with the parent's proportions as far as may be."""

    params: Annotated[int, BeforeValidator(_count)] | None = Field(
        None, ge=1, description="Weights, a tied head counted once: a number, `35M` or `1.2B`."
    )
    int4_mb: float | None = Field(
        None, gt=0, description="Megabytes (of 1,000,000 bytes) of its int4 file."
    )

    @property
    def parameters(self) -> int:
        """The most weights that it allows."""
        if self.params is not None:
            return self.params
        assert self.int4_mb is not None
        return max(1, int((self.int4_mb * 1e6 - INT4_GRAPH) / INT4_BYTES))

    @model_validator(mode="after")
    def _one(self) -> "Budget":
        if (self.params is None) == (self.int4_mb is None):
            raise ValueError("expected params or int4_mb, and one of them")
        return self


class UnreachableError(ValueError):
    """No shape is within the budget, or none uses it; says the closest."""


def picked(
    bound: int,
    parent: ModelShape,
    *,
    one_width: bool = False,
) -> ModelShape:
    """The shape of at most `bound` weights for a student of `parent`, which is in the student's
    vocabulary. `one_width` holds heads * head_dim to hidden. Raises UnreachableError."""
    found = [
        fitted for shape in _shapes(parent, one_width) if (fitted := _filled(shape, parent, bound))
    ]
    fitting = [shape for shape in found if shape.parameters >= (1 - SLACK) * bound]
    if fitting:
        return min(fitting, key=lambda shape: (_moved(shape, parent), -shape.parameters))
    if found:
        nearest = max(found, key=lambda shape: shape.parameters)
    else:
        shapes = _shapes(parent, one_width)
        narrow = (shape.model_copy(update={"intermediate": STEP}) for shape in shapes)
        nearest = min(narrow, key=lambda shape: shape.parameters)
    raise UnreachableError(
        f"no shape that every export runs has between {(1 - SLACK) * bound / 1e6:.4g}M and "
        f"{bound / 1e6:.4g}M weights, cut from {parent.parameters / 1e6:.4g}M. The closest has "
        f"{nearest.parameters / 1e6:.4g}M: {_written(nearest)}. Use that many, or write that shape."
    )


def _shapes(parent: ModelShape, one_width: bool) -> Iterator[ModelShape]:
    """Every depth and width, heads in proportion; the feed-forward width is still the parent's."""
    group = parent.heads // parent.kv_heads
    for hidden in range(STEP, parent.hidden + 1, STEP):
        if one_width and hidden % parent.head_dim:
            continue
        kv_heads = max(1, round(parent.kv_heads * hidden / parent.hidden))
        if one_width:
            kv_heads = hidden // parent.head_dim
        for layers in range(1, parent.layers + 1):
            yield parent.model_copy(
                update={
                    "layers": layers,
                    "hidden": hidden,
                    "kv_heads": kv_heads,
                    "heads": kv_heads * group,
                }
            )


def _filled(shape: ModelShape, parent: ModelShape, bound: int) -> ModelShape | None:
    """With the widest feed-forward layer that the bound has room for; weights grow evenly in it."""
    least, next_ = (shape.model_copy(update={"intermediate": STEP * n}) for n in (1, 2))
    base = least.parameters
    if base > bound:
        return None
    steps = 1 + (bound - base) // (next_.parameters - base)
    width = min(STEP * steps, parent.intermediate // STEP * STEP)
    return shape.model_copy(update={"intermediate": width}) if width else None


def _moved(shape: ModelShape, parent: ModelShape) -> float:
    """How far the proportions are from the parent's."""
    width = log(shape.hidden / parent.hidden)
    changes = (
        (DEPTH, log(shape.layers / parent.layers)),
        (WIDTH, width),
        (FEED_FORWARD, log(shape.intermediate / parent.intermediate) - width),
        (HEADS, log(shape.kv_heads / parent.kv_heads) - width),
    )
    return sum(weight * change**2 for weight, change in changes)


def _written(shape: ModelShape) -> str:
    names = ("layers", "hidden", "intermediate", "heads", "kv_heads")
    return ", ".join(f"{name} {getattr(shape, name)}" for name in names)
