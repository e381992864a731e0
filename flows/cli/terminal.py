"""A build as the terminal shows it: a line per step, and how far the present one is.

All on standard error, so that standard output holds the answer alone.
"""

import time
from collections.abc import Mapping
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

#: Minutes that each step takes by the plan, by the step's id; None where it cannot know.
Minutes = Mapping[str, float | None]


def terminal(minutes: Minutes | None = None) -> "Terminal":
    """What suits standard error: a bar on a screen, lines in a log.

    Without `minutes` it says what is left of each step alone."""
    where = console(err=True)
    return (Screen if where.is_terminal else Log)(where, minutes or {})


class Terminal(Watcher):
    """Says of each step what became of it, and what is left of the build by the plan."""

    def __init__(self, where: Console, minutes: Minutes) -> None:
        self.console = where
        self.to_come = dict(minutes)
        self.share: dict[str, float] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing to take away."""

    def ended(self, step: Step, made: Made) -> None:
        took = f" in {duration(made.manifest.origin.seconds)}" if made.how == "built" else ""
        self._says(step.title, made.how + took, STYLES[made.how])
        self.to_come.pop(step.id, None)

    def failed(self, step: Step) -> None:
        self._says(step.title, "failed", "red")  # why is told last, where it is seen
        self._gives_up(step.tier)

    def held_back(self, tier: str) -> None:
        self._says(tier, "held back", "yellow")
        self._gives_up(tier)

    def warned(self, message: str) -> None:
        self.console.print(Text(f"warning: {message}", "yellow"))

    def _says(self, title: str, what: str, style: str) -> None:
        self.console.print(Text(f"{title:24}  ").append(what, style))

    def _gives_up(self, tier: str) -> None:
        for step in [one for one in self.to_come if one.startswith(f"{tier}/")]:
            del self.to_come[step]

    def _left(self, step: Step, progress: Progress) -> str:
        """`, build about 11 min 20 s`; empty where the plan does not know how long a step takes."""
        self.share[step.id] = 1 - progress.done / progress.total if progress.total else 1.0
        if step.id not in self.to_come or None in self.to_come.values():
            return ""
        minutes = sum(
            (planned or 0) * self.share.get(one, 1.0) for one, planned in self.to_come.items()
        )
        return f", build about {duration(60 * minutes)}"


class Screen(Terminal):
    """A bar under the lines for each step at work, with what is left of it."""

    def __init__(self, where: Console, minutes: Minutes) -> None:
        super().__init__(where, minutes)
        self.of: dict[str, TaskID] = {}
        self.bars = Bars(
            SpinnerColumn(),
            TextColumn("{task.description:24}", markup=False),
            BarColumn(),
            TextColumn("{task.fields[figures]}", markup=False),
            TimeRemainingColumn(elapsed_when_finished=True),
            TextColumn("{task.fields[left]}", markup=False),
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
        self.of[step.id] = self.bars.add_task(step.title, total=None, figures="", left="")

    def progressed(self, step: Step, progress: Progress) -> None:
        self.bars.update(
            self.of[step.id],
            completed=progress.done,
            total=progress.total,
            figures=str(progress),
            left=self._left(step, progress).removeprefix(", "),
        )

    def ended(self, step: Step, made: Made) -> None:
        self.bars.remove_task(self.of.pop(step.id))
        super().ended(step, made)

    def failed(self, step: Step) -> None:
        self.bars.remove_task(self.of.pop(step.id))
        super().failed(step)


class Log(Terminal):
    """A line every `every` seconds for each step at work."""

    def __init__(self, where: Console, minutes: Minutes, every: float = 15.0) -> None:
        super().__init__(where, minutes)
        self.every = every
        self.first: dict[tuple[str, str], tuple[float, float]] = {}
        self.due: dict[str, float] = {}

    def begins(self, step: Step) -> None:
        self.due[step.id] = time.monotonic() + self.every

    def progressed(self, step: Step, progress: Progress) -> None:
        now = time.monotonic()
        first = (now, progress.done)
        since, already = self.first.setdefault((step.id, progress.unit), first)
        if now < self.due[step.id]:
            return
        self.due[step.id] = now + self.every
        line = f"{step.title:24}  {progress}"
        if progress.done > already:
            pace = (now - since) / (progress.done - already)
            line += f", about {duration(pace * (progress.total - progress.done))} left"
        self.console.print(line + self._left(step, progress))
