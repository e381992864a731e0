"""Who may do what to a store at once.

lock                 shared by all who build; a sweep has it alone
locks/<family>.lock  one build or one release of a family at a time
locks/<key>.lock     one maker of an artifact at a time: families share some
fetch.lock           one process at a time fetches from a shared store
follow.lock          one process at a time brings what others left in a shared store

They are taken in this order, and nobody holds two of a kind: so nobody waits in a circle. They are
flocks: one goes with its process, even if that is killed. A lock's file says which process took it.
"""

import fcntl
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from family.errors import StoreError
from family.stopping import Stop

OnWait = Callable[[str], None]
A_BUILD = "another build"
#: Seconds between two tries to take a lock that another process holds.
EVERY = 0.2


@contextmanager
def family(root: Path, name: str, *, wait: bool, on_wait: OnWait) -> Iterator[None]:
    """Build or release one family."""
    with (
        _shared(root, wait=wait, on_wait=on_wait),
        _held(_of(root, name), f"{name} in {root}", wait=wait, on_wait=on_wait),
    ):
        yield


@contextmanager
def artifact(root: Path, key: str, title: str, on_wait: OnWait, stop: Stop) -> Iterator[None]:
    """Make one artifact. KeyboardInterrupt if `stop` is asked for meanwhile."""
    with (
        _shared(root, wait=True, on_wait=on_wait, stop=stop),
        _held(_of(root, key), title, wait=True, on_wait=on_wait, stop=stop),
    ):
        yield


@contextmanager
def fetching(root: Path) -> Iterator[None]:
    """Fetch files from a shared store."""
    with _shared(root, wait=True, on_wait=_say), (root / "fetch.lock").open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


@contextmanager
def following(root: Path) -> Iterator[bool]:
    """Bring what others left in a shared store; whether who did it before was ended half-way."""
    with _shared(root, wait=True, on_wait=_say), (root / "follow.lock").open("a+") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        file.seek(0)
        unfinished = bool(file.read())
        file.write("unfinished")
        file.flush()
        yield unfinished
        file.truncate(0)


@contextmanager
def everything(root: Path, *, wait: bool, on_wait: OnWait) -> Iterator[None]:
    """Have the store alone."""
    with _held(root / "lock", str(root), wait=wait, on_wait=on_wait, holders=holders(root)):
        yield


def holders(root: Path) -> list[str]:
    """The processes that hold a lock of the store now."""
    found = []
    for path in (root / "lock", *sorted((root / "locks").glob("*.lock"))):
        with suppress(FileNotFoundError), path.open() as file:
            if not _taken(file, fcntl.LOCK_SH):
                found.append(_holder(file))
    return list(dict.fromkeys(found))


def clear(root: Path) -> None:
    """Take away the files of locks that nobody can hold: for who has the store alone."""
    for path in (root / "locks").glob("*.lock"):
        path.unlink()


@contextmanager
def _shared(root: Path, *, wait: bool, on_wait: OnWait, stop: Stop | None = None) -> Iterator[None]:
    with _held(
        root / "lock", str(root), fcntl.LOCK_SH, by="a sweep", wait=wait, on_wait=on_wait, stop=stop
    ):
        yield


@contextmanager
def _held(
    path: Path,
    what: str,
    how: int = fcntl.LOCK_EX,
    *,
    wait: bool,
    on_wait: OnWait,
    by: str = A_BUILD,
    holders: list[str] | None = None,
    stop: Stop | None = None,
) -> Iterator[None]:
    with path.open("a+") as file:
        if not _taken(file, how):
            process = ", ".join(holders or [_holder(file)])
            who = f"{what} is held by {by} (process {process})"
            if not wait:
                raise StoreError(f"{who}. Wait for it, or leave out --no-wait to queue behind it.")
            on_wait(f"{who}; waiting for it to end")
            asked = (stop or Stop()).asked
            while not _taken(file, how):  # a thread that waited in flock could not be stopped
                if asked.wait(EVERY):
                    raise KeyboardInterrupt(f"waiting for {what} was stopped")
        if how == fcntl.LOCK_SH:
            yield
            return
        _sign(file, str(os.getpid()))
        try:
            yield
        finally:
            _sign(file, "")


def _taken(file: IO[str], how: int) -> bool:
    try:
        fcntl.flock(file, how | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _say(message: str) -> None:
    print(message, file=sys.stderr)


def _of(root: Path, name: str) -> Path:
    (root / "locks").mkdir(exist_ok=True)
    return root / "locks" / f"{name}.lock"


def _holder(file: IO[str]) -> str:
    for _ in range(20):  # who has just taken the lock is about to sign it
        file.seek(0)
        if found := file.read().strip():
            return found
        time.sleep(0.01)
    return "unknown"


def _sign(file: IO[str], text: str) -> None:
    with suppress(OSError):  # a full disk: whoever waits will not know for whom
        file.seek(0)
        file.truncate()
        file.write(text)
        file.flush()
