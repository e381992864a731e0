"""How far a command is that takes a while: a bar on a screen, nothing in a log."""

from collections.abc import Iterator
from contextlib import contextmanager

from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeRemainingColumn

from family.progress import Listener
from family.progress import Progress as Said
from flows.cli.show import console


@contextmanager
def bar(title: str) -> Iterator[Listener]:
    """Draw what the listener hears, on standard error, and take it away at the end."""
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TextColumn("{task.fields[figures]}", markup=False),
        TimeRemainingColumn(elapsed_when_finished=True),
    )
    where = console(err=True)
    with Progress(*columns, console=where, transient=True, disable=not where.is_terminal) as bars:
        task = bars.add_task(title, total=None, figures="")

        def hear(said: Said) -> None:
            bars.update(task, completed=said.done, total=said.total, figures=str(said))

        yield hear
