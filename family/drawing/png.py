"""A scene as a PNG, drawn by matplotlib; the same bytes for the same scene."""

from collections.abc import Sequence
from pathlib import Path as FilePath
from typing import TYPE_CHECKING, Any

from family.drawing.scene import LIGHT, PAPER, Box, Group, Path, Scene, Shape, Text

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

#: Pixels to a unit.
SCALE = 2
#: matplotlib measures lines and words in points of 1/72 inch; this makes one of them a unit.
DPI = 72 * SCALE
STYLE = {"font.family": "DejaVu Sans"}


def save(scene: Scene, path: FilePath) -> None:
    """Draw the scene into `path`."""
    import matplotlib as mpl

    with mpl.rc_context(STYLE):
        figure(scene).savefig(path, metadata={"Software": None})


def figure(scene: Scene) -> "Figure":
    """The scene as a figure of matplotlib."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    found = Figure(figsize=(scene.width / 72, scene.height / 72), dpi=DPI, facecolor=LIGHT[PAPER])
    FigureCanvasAgg(found)
    axes = found.add_axes((0, 0, 1, 1), xlim=(0, scene.width), ylim=(scene.height, 0))
    axes.set_axis_off()
    _draw(axes, scene.shapes)
    return found


def _draw(axes: "Axes", shapes: Sequence[Shape]) -> None:
    for order, shape in enumerate(shapes, start=len(axes.get_children())):
        match shape:
            case Path():
                _path(axes, shape, order)
            case Box():
                _box(axes, shape, order)
            case Text():
                _text(axes, shape, order)
            case Group():
                _draw(axes, shape.shapes)


def _path(axes: "Axes", shape: Path, order: int) -> None:
    from matplotlib.patches import PathPatch
    from matplotlib.path import Path as Way

    codes = [Way.MOVETO] + [Way.CURVE4 if shape.curved else Way.LINETO] * (len(shape.points) - 1)
    points = list(shape.points)
    if shape.closed:
        codes, points = [*codes, Way.CLOSEPOLY], [*points, points[0]]
    patch = PathPatch(
        Way(points, codes),
        **_look(shape),
        capstyle="butt",
        joinstyle="round",
        zorder=order,
    )
    if shape.dash:
        patch.set_linestyle((0, tuple(length / shape.width for length in shape.dash)))
    axes.add_patch(patch)


def _box(axes: "Axes", shape: Box, order: int) -> None:
    from matplotlib.patches import FancyBboxPatch

    x0, y0, x1, y1 = shape.area
    round_ = f"round,pad=0,rounding_size={shape.radius}" if shape.radius else "square,pad=0"
    axes.add_patch(
        FancyBboxPatch((x0, y0), x1 - x0, y1 - y0, boxstyle=round_, **_look(shape), zorder=order)
    )


def _look(shape: Path | Box) -> dict[str, Any]:
    return {
        "facecolor": LIGHT[shape.fill] if shape.fill else "none",
        "edgecolor": LIGHT[shape.stroke] if shape.stroke else "none",
        "linewidth": shape.width if shape.stroke else 0,
        "alpha": shape.opacity,
    }


def _text(axes: "Axes", shape: Text, order: int) -> None:
    from matplotlib.patheffects import withStroke

    axes.text(
        *shape.at,
        shape.words,
        fontsize=shape.size,
        color=LIGHT[shape.colour],
        fontweight="bold" if shape.bold else "normal",
        horizontalalignment={"start": "left", "middle": "center", "end": "right"}[shape.anchor],
        verticalalignment="baseline",
        alpha=shape.opacity,
        parse_math=False,
        path_effects=[withStroke(linewidth=3, foreground=LIGHT[PAPER])] if shape.halo else None,
        zorder=order,
    )
