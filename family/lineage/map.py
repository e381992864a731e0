"""The family on one page: quality against size and against speed, and who taught whom."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from math import hypot
from pathlib import Path as FilePath

from family.drawing import png, svg
from family.drawing.axes import Axes, Scale, plain
from family.drawing.labels import settle, spot
from family.drawing.scene import (
    LINE,
    MUTED,
    XY,
    Area,
    Box,
    Group,
    Path,
    Scene,
    Shape,
    Text,
    along,
    arrowhead,
    bezier,
    moved,
    width_of,
)
from family.errors import DescentError, NotFoundError
from family.lineage.points import Point, colours, judged_by, origins, points
from family.lineage.views import Member, Status
from family.lineage.words import megabytes

WIDE, HIGH = 480.0, 380.0
PLOT: Area = (46.0, 14.0, 472.0, 328.0)
MARKS = {"int8": "square", "int4": "diamond"}
#: How far a line between two members bends, of its length.
BEND = 0.14
DASH = (4.0, 3.0)
#: What of an earlier release is still seen.
FAINT = 0.35


@dataclass(frozen=True)
class Panel:
    """One thing that quality is drawn against."""

    title: str
    label: str
    of: Callable[[Point], float | None]
    said: Callable[[float], str]


SIZE = Panel(
    "Quality against size",
    "MB of all files, logarithmic",
    lambda point: point.megabytes,
    lambda value: f"{megabytes(value)} MB",
)
PACE = Panel(
    "Quality against speed",
    "ms per decoded token, logarithmic",
    lambda point: point.milliseconds,
    lambda value: f"{value:.3g} ms",
)
OF_ROWS = replace(PACE, label="ms per row, logarithmic")


def draw(status: Status, path: FilePath, earlier: Sequence[Status] = ()) -> None:
    """Draw the family's map into `path`, a PNG or an SVG; the same records, the same bytes.

    DescentError for another suffix, NotFoundError if no file was scored yet."""
    if path.suffix not in (".png", ".svg"):
        raise DescentError(f"{path}: a map is a .png or .svg file. Name it so.")
    scene = picture(status, earlier)
    if path.suffix == ".png":
        png.save(scene, path)
    else:
        path.write_text(svg.document(scene))


def picture(status: Status, earlier: Sequence[Status] = ()) -> Scene:
    """All panels side by side, under a title, over what the marks mean."""
    margin, top = 28.0, 84.0
    found = panels(status, earlier)
    if not found:
        raise NotFoundError(
            f"{status.family}: no exported file was scored yet. Run `descent build CONFIG` first."
        )
    shapes: list[Shape] = [
        Text((margin, 40), f"{status.family}: how much smaller, how much is kept", 19, bold=True),
        Text((margin, 62), about(status), 12, MUTED),
    ]
    for at, panel in enumerate(found):
        left = margin + at * (WIDE + margin)
        shapes.append(Text((left + PLOT[0], top + 14), panel.title, 13, bold=True))
        shapes += moved(panel.shapes, left, top + 16)
    bottom = top + 16 + HIGH
    shapes += moved(legend(status, earlier).shapes, margin + PLOT[0], bottom)
    width = margin + len(found) * (WIDE + margin)
    return Scene(width, bottom + 40, f"Map of {status.family}", tuple(shapes))


def about(status: Status) -> str:
    """What quality is, on all panels."""
    if _of_rows(status):
        what = "its own accuracy over the flagship's on held-out rows"
    else:
        what = "the flagship's bits per byte over its own on held-out text"
    return f"Retention of each file, {what}, with the 95 % interval."


def _of_rows(status: Status) -> bool:
    """Whether the family's models label rows."""
    judged = judged_by(status)
    return judged is not None and judged.name == "accuracy"


def panels(status: Status, earlier: Sequence[Status] = (), *, links: bool = False) -> list[Scene]:
    """Quality against size, and against speed where that was measured, each a picture.

    None where no exported file was scored yet. With `links` a mark leads to `#model-` and its
    model's id."""
    found = points(status, earlier)
    if len(found) < 2:
        return []
    paced = [point for point in found if point.milliseconds is not None]
    panels = [(SIZE, found)] + [(OF_ROWS if _of_rows(status) else PACE, paced)] * bool(paced)
    return [_Drawing(status, panel, some, links).scene() for panel, some in panels]


class _Drawing:
    """One panel in the making: what is drawn, and where no label may stand."""

    def __init__(self, status: Status, panel: Panel, found: Sequence[Point], links: bool) -> None:
        self.status, self.panel, self.points, self.links = status, panel, found, links
        self.colours = colours(status)
        values = [value for point in found if (value := panel.of(point)) is not None]
        worst, best = (
            most(end for point in found for end in (point.retention, *point.interval))
            for most in (min, max)
        )
        floor = max(0.0, int((worst - 0.03) * 10) / 10)
        self.axes = Axes(PLOT, Scale.around(values, 1.5, 1.6), Scale(floor, max(1.0, best) + 0.05))
        self.now = [point for point in found if point.release is None]
        self.largest = {point.member: point for point in reversed(self.now)}
        self.taken = [spot(self.at(point), 6) for point in found]
        self.behind: list[Shape] = []

    def scene(self) -> Scene:
        frame = self.axes.frame(self.panel.label, plain, lambda share: f"{100 * share:.0f} %")
        for tier in self.status.tiers:
            self._descent(tier)
        for member in self.colours:
            self._member([point for point in self.now if point.member == member])
        for point in self.points:
            self._since(point)
        marks = [
            self._mark(point) for point in sorted(self.points, key=lambda one: one.release is None)
        ]
        shapes = (*frame, *self.behind, *marks, *self._labels())
        return Scene(WIDE, HIGH, self.panel.title, shapes)

    def value(self, point: Point) -> float:
        found = self.panel.of(point)
        assert found is not None  # those that have none are not drawn here
        return found

    def at(self, point: Point) -> XY:
        return self.axes.at(self.value(point), point.retention)

    def _line(self, path: Path) -> None:
        self.behind.append(path)
        points = bezier(path.points) if path.curved else path.points
        self.taken += [spot(point, 1.5) for point in along(points)]

    def _descent(self, tier: Member) -> None:
        """Lines to a tier from its teacher, dashed, and from the model that it started from."""
        for parent, taught in origins(tier, self.status):
            if parent in self.largest and tier.tier in self.largest:
                ends = self.at(self.largest[parent]), self.at(self.largest[tier.tier])
                curve = _bent(*ends, -BEND if taught else BEND)
                dash = DASH if taught else None
                self._line(Path(curve, stroke=LINE, width=1.2, dash=dash, curved=True))
                self.behind.append(arrowhead(curve[-1], curve[-2], LINE))

    def _member(self, own: Sequence[Point]) -> None:
        """A line through a member's files, and the interval of each."""
        if not own:
            return
        colour = self.colours[own[0].member]
        if len(own) > 1:
            self._line(Path(tuple(map(self.at, own)), stroke=colour, width=1.5, opacity=0.5))
        for point in own:
            low, high = (self.axes.at(self.value(point), end) for end in point.interval)
            if low != high:
                self._line(Path((low, high), stroke=colour, width=1.2, opacity=0.45))

    def _since(self, point: Point) -> None:
        """A faint line from an earlier release's files to what they are now."""
        for later in self.now:
            if point.release and (later.member, later.precision) == (point.member, point.precision):
                ends = self.at(point), self.at(later)
                colour = self.colours[point.member]
                self._line(Path(ends, stroke=colour, dash=(1.5, 3.0), opacity=FAINT))

    def _mark(self, point: Point) -> Group:
        colour = self.colours.get(point.member, MUTED)
        large = point == self.largest.get(point.member)
        shape = mark(point.precision, self.at(point), 5.5 if large else 4.6, colour, point.release)
        low, high = point.interval
        between = f" ({100 * low:.1f} to {100 * high:.1f} %)" if low < high else ""
        release = f" in {point.release}" if point.release else ""
        says = (
            f"{point.member} {point.precision}{release}\n"
            f"{100 * point.retention:.1f} % of the flagship{between}\n"
            f"{megabytes(point.megabytes)} MB"
        )
        if point.milliseconds is not None:
            says += (
                f"\n{point.milliseconds:.3g} ms per {'row' if _of_rows(self.status) else 'token'}"
            )
        href = f"#model-{point.model}" if self.links and not point.release else ""
        return Group((shape,), "point", href, says)

    def _labels(self) -> Iterator[Text]:
        """The members' names choose their places first."""
        labels: list[Area] = []
        for first in (True, False):
            for point in self.now:
                if (point is self.largest[point.member]) == first:
                    colour, said = self.colours[point.member], self.panel.said(self.value(point))
                    lines = [Text((0, 0), said, 10, colour, halo=True)]
                    if first:
                        lines.insert(0, Text((0, 0), point.member, 12, colour, True, halo=True))
                    placed, area = settle(lines, self.at(point), self.taken, labels, PLOT)
                    labels.append(area)
                    yield from placed


def _bent(start: XY, end: XY, bend: float) -> tuple[XY, ...]:
    """A curve between two marks, that keeps clear of both."""
    (x0, y0), (x3, y3) = start, end
    dx, dy = x3 - x0, y3 - y0
    far = hypot(dx, dy) or 1.0
    gap = min(9.0, far / 3) / far
    x0, y0, x3, y3 = x0 + dx * gap, y0 + dy * gap, x3 - dx * gap, y3 - dy * gap
    nx, ny = dy * bend, -dx * bend
    return (
        (x0, y0),
        (x0 + dx / 3 + nx, y0 + dy / 3 + ny),
        (x3 - dx / 3 + nx, y3 - dy / 3 + ny),
        (x3, y3),
    )


def mark(precision: str, at: XY, reach: float, colour: str, release: str | None) -> Shape:
    """A circle, a square or a diamond, by precision; an earlier release's is faint."""
    x, y = at
    opacity = FAINT if release else 1.0
    if MARKS.get(precision) == "diamond":
        reach *= 1.25
        corners = ((x, y - reach), (x + reach, y), (x, y + reach), (x - reach, y))
        return Path(corners, "paper", colour, 1.4, opacity=opacity, closed=True)
    radius = 1.0 if MARKS.get(precision) == "square" else reach
    reach *= 0.9 if MARKS.get(precision) == "square" else 1.0
    area = (x - reach, y - reach, x + reach, y + reach)
    return Box(area, radius, "paper", colour, 1.4, opacity=opacity)


def legend(status: Status, earlier: Sequence[Status] = ()) -> Scene:
    """What the marks and the lines mean; of earlier releases, those that differ from now."""
    shapes: list[Shape] = []
    x, y = 6.0, 18.0
    precisions = dict.fromkeys(file.precision for tier in status.tiers for file in tier.files)
    for precision in precisions:
        shapes.append(mark(precision, (x, y - 4), 5, MUTED, None))
        shapes.append(Text((x + 10, y), precision, 11, MUTED))
        x += 26 + width_of(precision, 11)
    for dash, words in ((None, "started from its weights"), (DASH, "taught by it")):
        shapes.append(Path(((x, y - 4), (x + 26, y - 4)), stroke=LINE, width=1.4, dash=dash))
        shapes.append(arrowhead((x + 31, y - 4), (x, y - 4), LINE))
        shapes.append(Text((x + 38, y), words, 11, MUTED))
        x += 54 + width_of(words, 11)
    drawn = (point.release for point in points(status, earlier))
    if versions := list(dict.fromkeys(release for release in drawn if release)):
        words = f"faint: {', '.join(versions)}"
        shapes.append(mark("", (x, y - 4), 5, MUTED, versions[0]))
        shapes.append(Text((x + 10, y), words, 11, MUTED))
        x += 26 + width_of(words, 11)
    return Scene(x, 26, "What the marks mean", tuple(shapes))
