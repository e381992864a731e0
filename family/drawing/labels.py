"""Labels of a picture, each put where it covers least."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from math import hypot

from family.drawing.scene import XY, Area, Text

#: Where a label may stand about a point: which way, and by which of its ends.
PLACES: tuple[tuple[float, float, str], ...] = tuple(
    (x * far, y * far, anchor)
    for far in (1, 1.7, 2.5, 3.4, 4.4)
    for x, y, anchor in (
        (0, -10, "middle"),
        (0, 10, "middle"),
        (11, 0, "start"),
        (-11, 0, "end"),
        (8, -7, "start"),
        (-8, -7, "end"),
        (8, 7, "start"),
        (-8, 7, "end"),
    )
)
#: What a unit of distance costs a label, in square units that it would else cover.
DISTANCE = 5
#: How much worse it is to cover another label, or to stand outside, than to cover a line.
LABEL, OUTSIDE = 8, 4
GAP = 2.0


def spot(at: XY, reach: float) -> Area:
    """A square of `reach` units to each side of a point."""
    x, y = at
    return x - reach, y - reach, x + reach, y + reach


def settle(
    lines: Sequence[Text], at: XY, taken: Sequence[Area], labels: Sequence[Area], within: Area
) -> tuple[tuple[Text, ...], Area]:
    """Put lines of words near a point, where they cover no other labels, as little as can be of
    what else is `taken`, and stay inside; returns them and what they cover."""
    tried = [_placed(lines, at, place) for place in PLACES]
    # In a large family thousands of areas are taken: most of them far from here, or all at once in
    # one spot.
    reach = _around([area for _, area in tried])
    near = Counter(one for one in taken if shared(reach, one))

    def cost(found: tuple[tuple[Text, ...], Area]) -> float:
        x0, y0, x1, y1 = area = found[1]
        outside = (x1 - x0) * (y1 - y0) - shared(area, within)
        far = hypot((x0 + x1) / 2 - at[0], (y0 + y1) / 2 - at[1])
        covered = sum(count * shared(area, one) for one, count in near.items())
        covered += LABEL * sum(shared(area, one) for one in labels)
        return OUTSIDE * outside + covered + DISTANCE * far

    return min(tried, key=cost)


def _placed(
    lines: Sequence[Text], at: XY, place: tuple[float, float, str]
) -> tuple[tuple[Text, ...], Area]:
    dx, dy, anchor = place
    high = sum(1.2 * line.size for line in lines)
    top = at[1] + dy - high * (0.5 if dy == 0 else 1 if dy < 0 else 0)
    found = []
    for line in lines:
        top += 1.2 * line.size
        found.append(replace(line, at=(at[0] + dx, top - 0.3 * line.size), anchor=anchor))
    x0, y0, x1, y1 = _around([line.area for line in found])
    return tuple(found), (x0 - GAP, y0 - GAP, x1 + GAP, y1 + GAP)


def _around(areas: Sequence[Area]) -> Area:
    """The area that holds them all."""
    left, top, right, bottom = zip(*areas, strict=True)
    return min(left), min(top), max(right), max(bottom)


def shared(one: Area, other: Area) -> float:
    """Square units that two areas have in common."""
    wide = min(one[2], other[2]) - max(one[0], other[0])
    high = min(one[3], other[3]) - max(one[1], other[1])
    return max(wide, 0.0) * max(high, 0.0)
