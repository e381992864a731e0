"""The family on one page: quality against size, and which tier started from which."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from family.errors import DescentError, NotFoundError
from family.lineage.labels import Stroke, around, dotted, pixels, settle
from family.lineage.views import Member, Status
from family.lineage.words import megabytes
from family.stage import OUTPUTS

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.transforms import Bbox

INK, MUTED, GRID = "#22272e", "#68717d", "#e7eaee"
#: One per tier, also told apart by people who do not see red or green as others do.
COLOURS = ("#0b6e99", "#c2571a", "#5b4b8a", "#2f7d4f", "#a3316f", "#8a6d1a")
MARKS = {"fp32": "o", "int8": "s", "int4": "D"}
SIZE, DPI = (9.0, 5.4), 160
#: Without these the same figure differs from run to run.
STYLE = {"svg.hashsalt": "descent", "font.size": 9.0, "font.family": "DejaVu Sans"}
NO_CLOCK: dict[str, dict[str, str | None]] = {
    ".png": {"Software": None},
    ".svg": {"Date": None, "Creator": None},
}
#: How far an arrow bends, of its length.
BEND = 0.12


@dataclass(frozen=True)
class Point:
    """One file: how large, and how good."""

    member: str
    precision: str
    megabytes: float
    retention: float
    interval: tuple[float, float]

    @property
    def at(self) -> tuple[float, float]:
        return self.megabytes, self.retention


def points(status: Status) -> list[Point]:
    """Every file that was scored by the protocol of the flagship's own score, which goes first.

    Quality is retention, the flagship's bits per byte over the file's: each file counts by what
    was measured on itself, not on the checkpoint that it was exported from.
    """
    flagship = status.flagship
    best = flagship.figure("bits_per_byte") if flagship else None
    if not flagship or not best:
        return []
    found = [Point(flagship.tier, "", flagship.files[0].megabytes, 1.0, (1.0, 1.0))]
    for tier in status.tiers:
        for file in tier.files:
            bits = file.figure("bits_per_byte")
            if bits and bits.protocol == best.protocol:
                high, low = bits.interval or (bits.value, bits.value)
                found.append(
                    Point(
                        tier.tier,
                        file.precision,
                        file.megabytes,
                        best.value / bits.value,
                        (best.value / low, best.value / high),
                    )
                )
    return found


def draw(status: Status, path: Path) -> None:
    """Draw the family's map into `path`, a PNG or an SVG; the same records, the same bytes.

    DescentError for another suffix, NotFoundError if no file was scored yet."""
    if path.suffix not in NO_CLOCK:
        raise DescentError(f"{path}: a map is a {' or '.join(NO_CLOCK)} file. Name it so.")
    import matplotlib as mpl

    with mpl.rc_context(STYLE):
        picture(status).savefig(path, metadata=NO_CLOCK[path.suffix])


def picture(status: Status) -> "Figure":
    """The family's map as a figure of matplotlib."""
    found = points(status)
    if len(found) < 2:
        raise NotFoundError(
            f"{status.family}: no exported file was scored yet. Run `descent build CONFIG` first."
        )
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=SIZE, dpi=DPI)
    FigureCanvasAgg(figure)
    axes = figure.add_axes((0.065, 0.13, 0.915, 0.68))
    _frame(axes, status, found)
    _draw(axes, status, found)
    return figure


def _frame(axes: "Axes", status: Status, found: Sequence[Point]) -> None:
    from matplotlib.ticker import LogLocator, NullLocator

    sizes = [point.megabytes for point in found]
    worst = min(min(point.interval) for point in found)
    axes.set_xscale("log")
    axes.set_xlim(min(sizes) / 1.5, max(sizes) * 1.6)
    axes.set_ylim(worst - 0.1 * (1 - worst), 1 + 0.1 * (1 - worst))
    axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.xaxis.set_major_formatter(lambda size, _: f"{size:g}")
    axes.xaxis.set_minor_locator(NullLocator())
    axes.tick_params(length=0, colors=MUTED, pad=6)
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.spines["bottom"].set_color(MUTED)
    axes.grid(axis="y", color=GRID, linewidth=0.8)
    axes.set_axisbelow(True)
    axes.set_xlabel("MB of all files, on a logarithmic scale", color=MUTED, labelpad=8)
    title = f"{status.family}: quality against size"
    left = axes.get_position().x0 - 0.04
    axes.figure.text(left, 0.93, title, color=INK, fontsize=14, fontweight="bold")
    axes.figure.text(
        left,
        0.9,
        "Retention of each file, the flagship's bits per byte over its own on held-out answers, "
        "with the 95 % interval.\nAn arrow leads from a model to one that started from it.",
        color=MUTED,
        linespacing=1.4,
        verticalalignment="top",
    )


def _draw(axes: "Axes", status: Status, found: Sequence[Point]) -> None:
    colours = {member.tier: COLOURS[at % len(COLOURS)] for at, member in enumerate(status.tiers)}
    colours = {found[0].member: INK, **colours}
    largest = {point.member: point for point in reversed(found)}
    origins = [
        (largest.get(_origin(tier, status)), largest.get(tier.tier)) for tier in status.tiers
    ]
    strokes = [_arrow(axes, parent, child) for parent, child in origins if parent and child]
    for member, colour in colours.items():
        own = [point for point in found if point.member == member]
        strokes += _member(axes, own, colour)
    taken = [around(x, y, 6, DPI) for x, y in pixels(axes, [point.at for point in found])]
    taken += [around(x, y, 1.2, DPI) for stroke in strokes for x, y in stroke]
    for first in (True, False):  # the names of members choose their places first
        for point in found:
            if (point is largest[point.member]) == first:
                taken.append(_name(axes, point, colours[point.member], first, taken))


def _origin(tier: Member, status: Status) -> str:
    """The member that the tier's weights came from; its teacher if they came from none."""
    tiers = {member.name: member.tier for member in status.members}
    found = sorted(
        (parent.kind in OUTPUTS, tiers[parent.name])
        for parent in tier.parents
        if parent.name in tiers
    )
    return found[0][1] if found else ""


def _member(axes: "Axes", own: Sequence[Point], colour: str) -> list[Stroke]:
    """Draw one member's files; returns the pixels of its lines."""
    line = [point.at for point in own]
    axes.plot(*zip(*line, strict=True), color=colour, linewidth=1.4, alpha=0.45, zorder=2)
    strokes = [line]
    for place, point in enumerate(own):
        whisker = [(point.megabytes, end) for end in point.interval]
        axes.plot(*zip(*whisker, strict=True), color=colour, linewidth=1, alpha=0.4, zorder=2)
        strokes.append(whisker)
        axes.plot(
            *point.at,
            MARKS.get(point.precision, "o"),
            color=colour,
            markersize=6.5 if place else 9,
            markeredgecolor="white",
            markeredgewidth=1.2,
            zorder=3,
        )
    return [dotted(pixels(axes, stroke)) for stroke in strokes]


def _arrow(axes: "Axes", parent: Point, child: Point) -> Stroke:
    """Draw an arrow between two members; returns its pixels."""
    axes.annotate(
        "",
        xy=child.at,
        xytext=parent.at,
        arrowprops={
            "arrowstyle": "-|>,head_length=0.5,head_width=0.22",
            "color": "#aab2bd",
            "linewidth": 1.1,
            "shrinkA": 8,
            "shrinkB": 8,
            "connectionstyle": f"arc3,rad={BEND}",
        },
        zorder=1,
    )
    (x0, y0), (x2, y2) = pixels(axes, [parent.at, child.at])
    x1 = (x0 + x2) / 2 + BEND * (y2 - y0)
    y1 = (y0 + y2) / 2 - BEND * (x2 - x0)
    ways = [step / 16 for step in range(17)]
    return dotted(
        [
            (
                (1 - t) ** 2 * x0 + 2 * t * (1 - t) * x1 + t**2 * x2,
                (1 - t) ** 2 * y0 + 2 * t * (1 - t) * y1 + t**2 * y2,
            )
            for t in ways
        ]
    )


def _name(axes: "Axes", point: Point, colour: str, first: bool, taken: "Sequence[Bbox]") -> "Bbox":
    """Write what a file is next to it, and at the `first` of a member what the member is."""
    from matplotlib.patheffects import withStroke

    size = f"{point.precision} {megabytes(point.megabytes)} MB".strip()
    label = axes.annotate(
        f"{point.member}\n{size}" if first else size,
        point.at,
        (0, 0),
        textcoords="offset points",
        color=colour,
        fontweight="bold" if first else "normal",
        fontsize=9.5 if first else 8.5,
        linespacing=1.25,
        path_effects=[withStroke(linewidth=2.5, foreground="white")],
        zorder=4,
    )
    return settle(label, axes, taken)
