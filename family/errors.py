"""What goes wrong, said so that it can be mended: where, what was found, and the fix."""

from collections.abc import Sequence


class DescentError(Exception):
    """Anything the user can mend. The command line prints it without a traceback.

    `exit_code` is what `descent` ends with. What `may_pass` is worth another try: what a network or
    a lost worker brought about, never a bad spec or a missed gate.
    """

    exit_code = 1
    may_pass = False


class SpecError(DescentError):
    """A family file that cannot be used; holds every fault at once."""

    exit_code = 2

    def __init__(self, source: str, faults: Sequence[str]) -> None:
        self.source = source
        self.faults = tuple(faults)
        count = f"{len(faults)} fault" + ("" if len(faults) == 1 else "s")
        super().__init__(f"{source} has {count}:\n" + "\n".join(f"  {fault}" for fault in faults))


class StoreError(DescentError):
    """The artifact store cannot be used as it stands."""


class NoStoreError(StoreError):
    """There is no store where one was looked for."""


class StageError(DescentError):
    """A stage could not be finished; what it had sealed before stays."""


class GateError(DescentError):
    """A tier missed a bound; its work is kept and its descendants are not built."""

    exit_code = 3


class NotFoundError(DescentError):
    """A name that the store or the lineage does not know."""

    exit_code = 4


class ReleaseError(DescentError):
    """A release, a promotion or an approval that may not be."""

    exit_code = 5
