"""How answers are printed: in colours and lines on a terminal, in plain columns elsewhere."""

from collections.abc import Iterable, Sequence

import click
from pydantic_core import to_json
from rich.box import SIMPLE_HEAD
from rich.console import Console, RenderableType
from rich.table import Table

from family.lineage.words import duration as duration
from family.lineage.words import size as size

#: Wide enough that nothing is cut where nobody looks at it as lines on a screen.
PIPED = 10_000


def console(*, err: bool = False) -> Console:
    """A console on standard output or standard error. `[...]` in texts means itself."""
    found = Console(stderr=err, highlight=False, markup=False)
    if not found.is_terminal:
        found.width = PIPED
    return found


def show(*parts: RenderableType) -> None:
    """Print to standard output, each part on lines of its own."""
    out = console()
    for part in parts:
        out.print(part)


def json(answer: object) -> None:
    """Print an answer, one view or several, as JSON."""
    click.echo(to_json(answer, indent=2))


def table(
    columns: Iterable[str], rows: Iterable[Sequence[str]], *, right: Iterable[str] = ()
) -> Table:
    """A table; columns named in `right` are figures, and stand to the right."""
    numbers = set(right)
    found = Table(box=SIMPLE_HEAD if console().is_terminal else None, pad_edge=False)
    for column in columns:
        found.add_column(column, justify="right" if column in numbers else "left")
    for row in rows:
        found.add_row(*row)
    return found
