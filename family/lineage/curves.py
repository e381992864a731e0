"""How each tier learnt: the loss that its training logged, against the tokens it had seen."""

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path as FilePath

from pydantic import Field

from family.drawing.axes import Axes, Scale, plain
from family.drawing.labels import settle, spot
from family.drawing.scene import PAPER, Area, Box, Group, Path, Scene, Shape, Text, along
from family.errors import StoreError
from family.lineage.views import View

WIDE, HIGH = 480.0, 340.0
PLOT: Area = (46.0, 14.0, 472.0, 288.0)
#: What training leaves beside the weights.
HISTORY = "history.jsonl"


class Logged(View):
    """One line of a history."""

    step: int
    tokens: float = Field(gt=0)
    loss: float
    learning_rate: float
    grad_norm: float


class Curve(View):
    """What one tier's training logged, in order."""

    tier: str
    logged: tuple[Logged, ...]


def read(path: FilePath) -> tuple[Logged, ...]:
    """The lines of a history file; StoreError if one of them is something else."""
    found = []
    for number, line in enumerate(path.read_text().splitlines(), start=1):
        try:
            found.append(Logged.model_validate(json.loads(line)))
        except ValueError as error:
            raise StoreError(
                f"{path}, line {number}: not what training logs. Remove the folder that it is in "
                f"and build the family again. What is wrong: {error}"
            ) from error
    return tuple(found)


def picture(curves: Sequence[Curve], colours: Mapping[str, str]) -> Scene:
    """All curves in one chart, each of the colour of its tier, its name at its end."""
    losses = [one.loss for curve in curves for one in curve.logged]
    most = max(one.tokens for curve in curves for one in curve.logged)
    upright = Scale(min(0.0, *losses), 1.1 * max(losses))
    if min(losses) > 0:
        upright = Scale.around(losses, 1.25, 1.25)
    axes = Axes(PLOT, Scale(0, 1.18 * most), upright)
    shapes: list[Shape] = axes.frame("tokens seen", _thousands, plain)
    taken: list[Area] = []
    labels: list[Area] = []
    for curve in curves:
        points = tuple(axes.at(one.tokens, one.loss) for one in curve.logged)
        taken += [spot(point, 2) for point in along(points)]
        shapes.append(Path(points, stroke=colours[curve.tier], width=2))
    shapes += [mark for curve in curves for mark in _marks(curve, axes, colours[curve.tier])]
    for curve in curves:
        last, colour = curve.logged[-1], colours[curve.tier]
        lines = [
            Text((0, 0), curve.tier, 12, colour, bold=True, halo=True),
            Text((0, 0), f"{last.loss:.3g}", 10, colour, halo=True),
        ]
        placed, area = settle(lines, axes.at(last.tokens, last.loss), taken, labels, PLOT)
        labels.append(area)
        shapes += placed
    return Scene(WIDE, HIGH, "Training: loss against tokens", tuple(shapes))


def _marks(curve: Curve, axes: Axes, colour: str) -> Iterator[Group]:
    for one in curve.logged:
        x, y = axes.at(one.tokens, one.loss)
        seen = Box((x - 2, y - 2, x + 2, y + 2), 2, fill=colour)
        near = Box((x - 8, y - 8, x + 8, y + 8), 8, fill=PAPER, opacity=0)
        says = (
            f"{curve.tier}, step {one.step:,}\nloss {one.loss:.3g} nats per token\n"
            f"{one.tokens:,.0f} tokens\nlearning rate {one.learning_rate:.3g}"
        )
        yield Group((near, seen), "logged", says=says)


def _thousands(tokens: float) -> str:
    """`0`, `50 k`, `1.5 M`."""
    if tokens >= 1e6:
        return f"{tokens / 1e6:.3g} M"
    return f"{tokens / 1e3:.3g} k" if tokens else "0"
