"""Scales, ticks and the frame of a chart."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import ceil, floor, log10

from family.drawing.scene import BAND, MUTED, XY, Area, Path, Shape, Text

#: From a logarithmic axis' decades, those subdivisions that leave at most so many ticks.
MOST_TICKS = 7
SIZE = 11.0


@dataclass(frozen=True)
class Scale:
    """Values from `low` to `high` along an axis."""

    low: float
    high: float
    log: bool = False

    @classmethod
    def around(cls, values: Sequence[float], before: float, after: float) -> "Scale":
        """A logarithmic scale that holds the values, with room by these factors."""
        return cls(min(values) / before, max(values) * after, log=True)

    def share(self, value: float) -> float:
        """How far along the axis a value is, from 0 to 1."""
        if self.log:
            return log10(value / self.low) / log10(self.high / self.low)
        return (value - self.low) / (self.high - self.low)

    def ticks(self) -> list[float]:
        """Round values for marks."""
        if not self.log:
            step = _round_step((self.high - self.low) / 8)
            first, last = ceil(self.low / step - 1e-9), floor(self.high / step + 1e-9)
            return [at * step for at in range(first, last + 1)]
        decades = range(floor(log10(self.low)), ceil(log10(self.high)) + 1)
        for marks in ((1, 2, 5), (1, 3), (1,)):
            found = [mark * 10.0**decade for decade in decades for mark in marks]
            found = [one for one in found if self.low <= one <= self.high]
            if len(found) <= MOST_TICKS:
                break
        return found


def _round_step(step: float) -> float:
    decade = 10.0 ** floor(log10(step))
    return next(mark * decade for mark in (1, 2, 5, 10) if mark * decade >= step * 0.999)


@dataclass(frozen=True)
class Axes:
    """Where values of two scales are within an area."""

    area: Area
    x: Scale
    y: Scale

    def at(self, x: float, y: float) -> XY:
        left, top, right, bottom = self.area
        return (
            left + self.x.share(x) * (right - left),
            bottom - self.y.share(y) * (bottom - top),
        )

    def frame(
        self, label: str, x_text: Callable[[float], str], y_text: Callable[[float], str]
    ) -> list[Shape]:
        """Bands between the marks of the upright axis, the marks' values, and the axis' label."""
        left, top, right, bottom = self.area
        shapes: list[Shape] = []
        marks = [self.at(self.x.low, value)[1] for value in self.y.ticks()]
        for lower, upper in zip(marks[::2], [*marks[1::2], top], strict=False):
            band = ((left, lower), (right, lower), (right, upper), (left, upper))
            shapes.append(Path(band, fill=BAND, closed=True))
        for value, y in zip(self.y.ticks(), marks, strict=True):
            shapes.append(Text((left - 8, y + 4), y_text(value), SIZE, MUTED, anchor="end"))
        shapes.append(Path(((left, bottom), (right, bottom)), stroke=MUTED))
        for value in self.x.ticks():
            x = self.at(value, self.y.low)[0]
            shapes.append(Path(((x, bottom), (x, bottom + 4)), stroke=MUTED))
            shapes.append(Text((x, bottom + 18), x_text(value), SIZE, MUTED, anchor="middle"))
        middle = (left + right) / 2
        shapes.append(Text((middle, bottom + 38), label, SIZE, MUTED, anchor="middle"))
        return shapes


def plain(value: float) -> str:
    """`0.5`, `20`, `200,000`."""
    return f"{value:,.0f}" if value >= 10 else f"{value:.3g}"
