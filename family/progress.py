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


Listener = Callable[[Progress], None]
_listener: ContextVar[Listener | None] = ContextVar("progress_listener", default=None)


def listen(listener: Listener) -> None:
    """Hear this process' reports from here on."""
    _listener.set(listener)


def report(done: float, total: float, unit: str, **figures: float) -> None:
    """Say that `done` of `total` units are through."""
    if hear := _listener.get():
        hear(Progress(done=done, total=total, unit=unit, figures=figures))
