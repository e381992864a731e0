"""How far a command is that is no build, on standard error."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from family.progress import Listener
from family.progress import Progress as Said
from flows.cli.show import console, size

EVERY = 15.0
"""Seconds between lines where standard error is no screen."""


@contextmanager
def bar(title: str) -> Iterator[Listener]:
    """A listener that shows a bar on a screen, and now and then a line elsewhere."""
    where = console(err=True)
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TextColumn("{task.fields[said]}", markup=False),
        TimeRemainingColumn(),
    )
    bars = Progress(*columns, console=where, transient=True, disable=not where.is_terminal)
    task = bars.add_task(title, total=None, said="")
    due = time.monotonic() + EVERY

    def hear(progress: Said) -> None:
        nonlocal due
        bars.start()  # not before there is something to show: a passphrase may be asked for first
        said = _said(progress)
        bars.update(task, completed=progress.done, total=progress.total, said=said)
        if not where.is_terminal and time.monotonic() > due:
            due = time.monotonic() + EVERY
            where.print(f"{title}: {said}")

    try:
        yield hear
    finally:
        bars.stop()


def _said(progress: Said) -> str:
    if progress.unit != "bytes":
        return str(progress)
    return f"{size(progress.done)} of {size(progress.total)}"
