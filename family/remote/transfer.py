"""Moving files between a folder and a URL, where each one's name is its SHA-256."""

import hashlib
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from pathlib import Path
from threading import Lock
from typing import TypeVar
from uuid import uuid4

from family import locks
from family.progress import Listener, Progress
from family.remote.files import RemoteFiles
from family.store import disk_faults
from family.whole import PART, write_whole

AT_ONCE = 4
"""Files under way."""
EVERY = 0.5
"""Seconds between two reports of how far it is."""
MEGABYTE = 1e6
LARGE = 10e6
"""Bytes from which on it is told how far a transfer is."""

Item = TypeVar("Item")


class AlteredError(Exception):
    """A file at the URL is not what its name says, or not there."""


class Transfer:
    """Sends and fetches; remembers which files are at the URL until `look_again`."""

    def __init__(self, root: Path, remote: RemoteFiles) -> None:
        self._root, self._remote = root, remote
        self._known: dict[str, int] | None = None

    def look_again(self) -> None:
        """Others may have sent something since."""
        self._known = None

    @property
    def sizes(self) -> dict[str, int]:
        """The bytes of each file at the URL, by its digest."""
        if self._known is None:
            found = self._remote.list("files")
            self._known = {name.removeprefix("files/"): size for name, size in found.items()}
        return self._known

    def send(
        self, files: Mapping[Path, str], hear: Listener | None, *, again: bool = False
    ) -> None:
        """Send files. Those that are at the URL already are not, unless asked for `again`."""
        wanted = {digest: path for path, digest in files.items() if path.is_file()}
        sizes = {digest: path.stat().st_size for digest, path in wanted.items()}
        lacking = [one for one in wanted if again or self.sizes.get(one) != sizes[one]]
        meter = _Meter(sum(sizes[one] for one in lacking), hear)

        def send(digest: str) -> None:
            self._remote.upload(wanted[digest], f"files/{digest}")
            self.sizes[digest] = sizes[digest]
            meter(sizes[digest])

        _each(send, lacking, meter)

    def fetch(self, files: Mapping[Path, str], hear: Listener | None) -> None:
        """Fetch the files that are not there. AlteredError if one is not what its name says.

        Each is moved to its place once its digest is right. One process fetches at a time: another
        one often wants the same."""
        if all(path.is_file() for path in files):
            return
        with disk_faults(self._root), locks.fetching(self._root):
            lacking = [path for path in files if not path.is_file()]
            meter = _Meter(sum(self.sizes.get(files[path], 0) for path in lacking), hear)
            _each(lambda path: self._fetch(files[path], path, meter), lacking, meter)

    def fetch_small(self, files: Mapping[str, Iterable[Path]]) -> None:
        """Fetch files by their digests, each into several places, many in one go.

        One that is not right stays away, for `fetch` to tell."""
        for name, content in self._remote.read_all(f"files/{one}" for one in files).items():
            digest = name.removeprefix("files/")
            if hashlib.sha256(content).hexdigest() == digest:
                for path in files[digest]:
                    write_whole(path, content)

    def _fetch(self, digest: str, path: Path, came: Callable[[int], None]) -> None:
        part = self._root / "scratch" / f"{uuid4().hex}{PART}"
        try:
            found = self._remote.download(f"files/{digest}", part, came)
            if found is None:
                raise AlteredError(f"files/{digest}, its {path.name}, is missing")
            if found != digest:
                raise AlteredError(f"files/{digest}, its {path.name}, has the SHA-256 {found}")
            path.parent.mkdir(parents=True, exist_ok=True)
            part.replace(path)
        finally:
            part.unlink(missing_ok=True)


class _Meter:
    """Adds up what came, in several threads, and tells of it in the one that waits for them."""

    def __init__(self, total: int, hear: Listener | None) -> None:
        self._total, self._done, self._lock = total, 0, Lock()
        self._hear = hear if total >= LARGE else None

    def __call__(self, more: int) -> None:
        with self._lock:
            self._done += more

    def tell(self) -> None:
        if self._hear:
            done, total = round(self._done / MEGABYTE, 1), round(self._total / MEGABYTE, 1)
            self._hear(Progress(done=done, total=total, unit="MB"))


def _each(do: Callable[[Item], None], items: Iterable[Item], meter: _Meter) -> None:
    """Do it with several at once; the first error ends it."""
    with ThreadPoolExecutor(AT_ONCE) as pool:
        at_work = {pool.submit(do, item) for item in items}
        try:
            while at_work:
                ended, at_work = wait(at_work, EVERY, FIRST_COMPLETED)
                for one in ended:
                    one.result()
                meter.tell()
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
