"""A build as the terminal shows it: a line per step, and how far the present one is.

All on standard error, so that standard output holds the answer alone.
"""

import time
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, SpinnerColumn, TaskID, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bars
from rich.text import Text

from family.plan import Step
from family.progress import Progress
from family.run import Made
from flows.cli.show import console, duration
from flows.watch import Watcher

STYLES = {"built": "green", "reused": "dim"}


def terminal() -> "Terminal":
    """What suits standard error: a bar on a screen, lines in a log."""
    where = console(err=True)
    return Screen(where) if where.is_terminal else Log(where)


class Terminal(Watcher):
    """Says of each step what became of it."""

    def __init__(self, where: Console) -> None:
        self.console = where

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing to take away."""

    def ended(self, step: Step, made: Made) -> None:
        took = f" in {duration(made.manifest.origin.seconds)}" if made.how == "built" else ""
        self._says(step, made.how + took, STYLES[made.how])

    def _says(self, step: Step, what: str, style: str) -> None:
        self.console.print(Text(f"{step.title:24}  ").append(what, style))

    def failed(self, step: Step) -> None:
        self._says(step, "failed", "red")  # why is told in the end, when nothing follows it

    def warned(self, message: str) -> None:
        self.console.print(Text(f"warning: {message}", "yellow"))


class Screen(Terminal):
    """A bar under the lines for each step at work, with what is left of it."""

    def __init__(self, where: Console) -> None:
        super().__init__(where)
        self.of: dict[str, TaskID] = {}
        self.bars = Bars(
            SpinnerColumn(),
            TextColumn("{task.description:24}", markup=False),
            BarColumn(),
            TextColumn("{task.fields[figures]}", markup=False),
            TimeRemainingColumn(elapsed_when_finished=True),
            console=where,
            transient=True,
            speed_estimate_period=120,
        )

    def __enter__(self) -> Self:
        self.bars.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.bars.stop()

    def begins(self, step: Step) -> None:
        self.of[step.id] = self.bars.add_task(step.title, total=None, figures="")

    def progressed(self, step: Step, progress: Progress) -> None:
        self.bars.update(
            self.of[step.id],
            completed=progress.done,
            total=progress.total,
            figures=str(progress),
        )

    def ended(self, step: Step, made: Made) -> None:
        self.bars.remove_task(self.of.pop(step.id))
        super().ended(step, made)

    def failed(self, step: Step) -> None:
        self.bars.remove_task(self.of.pop(step.id))
        super().failed(step)


class Log(Terminal):
    """A line every `every` seconds for each step at work."""

    def __init__(self, where: Console, every: float = 15.0) -> None:
        super().__init__(where)
        self.every = every
        self.first: dict[str, tuple[float, float]] = {}
        self.due: dict[str, float] = {}

    def begins(self, step: Step) -> None:
        self.due[step.id] = time.monotonic() + self.every

    def progressed(self, step: Step, progress: Progress) -> None:
        now = time.monotonic()
        since, already = self.first.setdefault(step.id, (now, progress.done))
        if now < self.due[step.id]:
            return
        self.due[step.id] = now + self.every
        line = f"{step.title:24}  {progress}"
        if progress.done > already:
            pace = (now - since) / (progress.done - already)
            line += f", about {duration(pace * (progress.total - progress.done))} left"
        self.console.print(line)
