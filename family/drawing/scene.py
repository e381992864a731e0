"""What a picture consists of. Lengths are in units of the picture, y grows downwards."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from math import hypot

XY = tuple[float, float]
#: Left, top, right, bottom.
Area = tuple[float, float, float, float]

INK, MUTED, LINE, BAND, PAPER = "ink", "muted", "line", "band", "paper"
#: One per tier, also told apart by people who do not see red or green as others do.
TIERS = ("tier-1", "tier-2", "tier-3", "tier-4", "tier-5", "tier-6")
#: What each role looks like on white and on black. Text in any of them is readable: its contrast
#: is at least 4.5 to 1.
LIGHT = {
    INK: "#1f2630",
    MUTED: "#5b6470",
    LINE: "#a3acb8",
    BAND: "#f3f5f8",
    PAPER: "#ffffff",
    "tier-1": "#0b6e99",
    "tier-2": "#b84f14",
    "tier-3": "#5f4ba0",
    "tier-4": "#2b7648",
    "tier-5": "#a3316f",
    "tier-6": "#7c6011",
}
DARK = {
    INK: "#e8ebf0",
    MUTED: "#9aa4b2",
    LINE: "#566170",
    BAND: "#1b212b",
    PAPER: "#14181f",
    "tier-1": "#58b9e2",
    "tier-2": "#f0935a",
    "tier-3": "#ab9af2",
    "tier-4": "#6cc78f",
    "tier-5": "#ec85bb",
    "tier-6": "#d5b650",
}


@dataclass(frozen=True)
class Path:
    """A line through points; with `curved`, a start and then three points to each Bézier."""

    points: tuple[XY, ...]
    stroke: str = ""
    fill: str = ""
    width: float = 1.0
    dash: tuple[float, float] | None = None
    opacity: float = 1.0
    curved: bool = False
    closed: bool = False


@dataclass(frozen=True)
class Box:
    """A rectangle with round corners; one of a radius of half its side is a circle."""

    area: Area
    radius: float = 0.0
    stroke: str = ""
    fill: str = ""
    width: float = 1.0
    opacity: float = 1.0


@dataclass(frozen=True)
class Text:
    """A line of words; `at` is on its baseline, at its `anchor`: start, middle or end."""

    at: XY
    words: str
    size: float = 12.0
    colour: str = INK
    bold: bool = False
    anchor: str = "start"
    halo: bool = False
    opacity: float = 1.0

    @property
    def area(self) -> Area:
        """What it covers, rather too much than too little."""
        x, y = self.at
        wide = width_of(self.words, self.size, self.bold)
        left = x - wide * {"start": 0.0, "middle": 0.5, "end": 1.0}[self.anchor]
        return left, y - 0.78 * self.size, left + wide, y + 0.24 * self.size


@dataclass(frozen=True)
class Group:
    """Shapes that are one thing to whoever points at it."""

    shapes: "tuple[Shape, ...]"
    name: str = ""
    """Its class."""
    href: str = ""
    says: str = ""
    """What it is in words: its accessible name, and what is told about it when it is pointed at."""
    data: Mapping[str, str] = field(default_factory=dict)


Shape = Path | Box | Text | Group


@dataclass(frozen=True)
class Scene:
    """A picture of a size, with a title for those who do not see it."""

    width: float
    height: float
    title: str
    shapes: tuple[Shape, ...]


def width_of(words: str, size: float, bold: bool = False) -> float:
    """How wide words are in DejaVu Sans, the widest of the usual fonts, rather more than less."""
    em = sum(_em(one) for one in words)
    return em * size * (1.12 if bold else 1.0)


def _em(letter: str) -> float:
    if letter in "fijlrtI.,:;'|()/ -":
        return 0.42
    if letter in "mwMW%@":
        return 0.99
    return 0.76 if letter.isupper() else 0.64


def moved(shapes: Sequence[Shape], dx: float, dy: float) -> tuple[Shape, ...]:
    """The shapes, moved."""
    return tuple(_moved(shape, dx, dy) for shape in shapes)


def _moved(shape: Shape, dx: float, dy: float) -> Shape:
    match shape:
        case Path():
            return replace(shape, points=tuple((x + dx, y + dy) for x, y in shape.points))
        case Box():
            x0, y0, x1, y1 = shape.area
            return replace(shape, area=(x0 + dx, y0 + dy, x1 + dx, y1 + dy))
        case Text():
            return replace(shape, at=(shape.at[0] + dx, shape.at[1] + dy))
        case Group():
            return replace(shape, shapes=moved(shape.shapes, dx, dy))


def texts(shapes: Sequence[Shape]) -> Iterator[Text]:
    """All words among the shapes."""
    for shape in shapes:
        if isinstance(shape, Text):
            yield shape
        elif isinstance(shape, Group):
            yield from texts(shape.shapes)


def along(points: Sequence[XY], apart: float = 4.0) -> list[XY]:
    """Points along a line, about so far apart."""
    found = []
    for (x0, y0), (x1, y1) in pairwise(points):
        count = max(1, round(hypot(x1 - x0, y1 - y0) / apart))
        found += [(x0 + (x1 - x0) * at / count, y0 + (y1 - y0) * at / count) for at in range(count)]
    return [*found, *points[-1:]]


def bezier(points: Sequence[XY], steps: int = 16) -> list[XY]:
    """Points on a curve: a start, and then three points to each Bézier."""
    found = [points[0]]
    for at in range(0, len(points) - 1, 3):
        (x0, y0), (x1, y1), (x2, y2), (x3, y3) = points[at : at + 4]
        for step in range(1, steps + 1):
            t = step / steps
            a, b, c, d = (1 - t) ** 3, 3 * t * (1 - t) ** 2, 3 * t**2 * (1 - t), t**3
            found.append((a * x0 + b * x1 + c * x2 + d * x3, a * y0 + b * y1 + c * y2 + d * y3))
    return found


def arrowhead(tip: XY, before: XY, colour: str, size: float = 7.0) -> Path:
    """A triangle whose tip is at `tip`, coming from `before`."""
    (x, y), (x0, y0) = tip, before
    far = hypot(x - x0, y - y0) or 1.0
    ux, uy = (x - x0) / far * size, (y - y0) / far * size
    wings = ((x - ux - 0.4 * uy, y - uy + 0.4 * ux), (x - ux + 0.4 * uy, y - uy - 0.4 * ux))
    return Path((tip, *wings), fill=colour, closed=True)
