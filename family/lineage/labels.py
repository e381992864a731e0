"""Labels of a drawing, each put where it covers least. All boxes are in pixels."""

from collections.abc import Sequence
from itertools import pairwise
from math import hypot
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.text import Annotation
    from matplotlib.transforms import Bbox

Stroke = list[tuple[float, float]]
#: Where a label may stand: its offset in points, and which of its ends is there.
Place = tuple[int, int, str, str]
PLACES: tuple[Place, ...] = tuple(
    (x * far, y * far, across, along)
    for far in (1, 2, 3)
    for x, y, across, along in (
        (0, 9, "center", "bottom"),
        (0, -9, "center", "top"),
        (9, 0, "left", "center"),
        (-9, 0, "right", "center"),
        (7, 5, "left", "bottom"),
        (-7, 5, "right", "bottom"),
        (7, -5, "left", "top"),
        (-7, -5, "right", "top"),
    )
)
#: What a point of distance costs a label, in square pixels that it would else cover.
DISTANCE = 12


def pixels(axes: "Axes", points: Sequence[tuple[float, float]]) -> Stroke:
    """Where points of the data are, in pixels."""
    return [(float(x), float(y)) for x, y in axes.transData.transform(points)]


def dotted(line: Stroke) -> Stroke:
    """Points along a line of pixels, a few pixels apart."""
    found = []
    for (x0, y0), (x1, y1) in pairwise(line):
        count = max(1, round(hypot(x1 - x0, y1 - y0) / 4))
        found += [(x0 + (x1 - x0) * at / count, y0 + (y1 - y0) * at / count) for at in range(count)]
    return found


def around(x: float, y: float, reach: float, dpi: float) -> "Bbox":
    """A box of `reach` points on each side of a pixel."""
    from matplotlib.transforms import Bbox

    reach *= dpi / 72
    return Bbox.from_extents(x - reach, y - reach, x + reach, y + reach)


def settle(label: "Annotation", axes: "Axes", taken: "Sequence[Bbox]") -> "Bbox":
    """Put a label where it covers least of what is `taken`, rather near than far; returns where
    that is."""

    def box(place: Place) -> "Bbox":
        label.set_position(place[:2])
        label.set(horizontalalignment=place[2], verticalalignment=place[3])
        return label.get_window_extent().padded(4)

    def cost(place: Place) -> float:
        here = box(place)
        outside = here.width * here.height - _shared(here, axes.bbox)
        return outside + sum(_shared(here, one) for one in taken) + DISTANCE * hypot(*place[:2])

    return box(min(PLACES, key=cost))


def _shared(one: "Bbox", other: "Bbox") -> float:
    """Square pixels that two boxes have in common."""
    width = float(min(one.x1, other.x1) - max(one.x0, other.x0))
    height = float(min(one.y1, other.y1) - max(one.y0, other.y0))
    return max(width, 0.0) * max(height, 0.0)
