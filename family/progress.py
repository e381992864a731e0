"""How a stage tells how far it is. Without a listener, reports go nowhere."""

from collections.abc import Callable
from contextvars import ContextVar

from pydantic import Field

from family.stage import Settings


class Progress(Settings):
    """How far a stage is."""

    done: float
    total: float
    unit: str
    figures: dict[str, float] = Field(default_factory=dict, description="Loss, tokens per second.")

    def __str__(self) -> str:
        """`40 of 120 blocks, loss 2.31`."""
        named = (f"{name.replace('_', ' ')} {value:.4g}" for name, value in self.figures.items())
        return ", ".join([f"{self.done:,.10g} of {self.total:,.10g} {self.unit}", *named])


Listener = Callable[[Progress], None]
_listener: ContextVar[Listener | None] = ContextVar("progress_listener", default=None)


def listen(listener: Listener) -> None:
    """Hear this process' reports from here on."""
    _listener.set(listener)


def report(done: float, total: float, unit: str, **figures: float) -> None:
    """Say that `done` of `total` units are through."""
    if hear := _listener.get():
        hear(Progress(done=done, total=total, unit=unit, figures=figures))
