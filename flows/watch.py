"""Who follows a build besides Prefect: the terminal, or a test."""

from contextvars import ContextVar

from family.plan import Step
from family.progress import Progress
from family.run import Made


class Watcher:
    """Hears what a build does, of one step at a time except for `progressed` and `warned`; this one
    keeps silent."""

    def begins(self, step: Step) -> None:
        """A step is looked at, and built unless it can be reused."""

    def progressed(self, step: Step, progress: Progress) -> None:
        """A step says how far it is."""

    def ended(self, step: Step, made: Made) -> None:
        """A step's artifact is there."""

    def failed(self, step: Step) -> None:
        """A step's artifact will not be there."""

    def held_back(self, tier: str) -> None:
        """A tier is not built, since one that it builds on is not there."""

    def warned(self, message: str) -> None:
        """Something that the build goes on after."""


#: The watcher of the builds that this process runs.
watcher: ContextVar[Watcher] = ContextVar("watcher", default=Watcher())  # noqa: B039


def watching() -> Watcher:
    """Whoever follows now. For flows, which are sent to other processes as they stand, with all
    that they name, which may be no context variable."""
    return watcher.get()
