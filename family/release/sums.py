"""SHA-256 of many files: several at a time, each file once, in constant memory."""

import hashlib
import os
import threading
from collections.abc import Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Self

from family.progress import Listener, Progress

CHUNK = 4 << 20
"""Bytes that one thread holds."""


class Sums:
    """Begins to read all `paths` as it is entered, in their order; `of` waits for one of them.

    Two names of one file, as hard links are, are read once. Leaving ends what is still being read.
    """

    def __init__(self, paths: Iterable[Path], on_progress: Listener | None = None) -> None:
        self._paths = paths
        self._hear = on_progress
        self._lock = threading.Lock()
        self._leave = threading.Event()
        self._sums: dict[tuple[int, int], Future[str]] = {}
        self._done = self.total = 0

    def __enter__(self) -> Self:
        self._pool = ThreadPoolExecutor(os.cpu_count())
        found: dict[tuple[int, int], Path] = {}
        for path in self._paths:
            with suppress(FileNotFoundError):  # whoever asks for it will say so
                stat = path.stat()
                if found.setdefault((stat.st_dev, stat.st_ino), path) is path:
                    self.total += stat.st_size
        self._sums = {which: self._pool.submit(self._read, path) for which, path in found.items()}
        return self

    def __exit__(self, *_: object) -> None:
        self._leave.set()
        self._pool.shutdown(cancel_futures=True)

    def of(self, path: Path) -> str:
        """SHA-256 (hex) of one of the files."""
        stat = path.stat()
        known = self._sums.get((stat.st_dev, stat.st_ino))
        return (known or self._pool.submit(self._read, path)).result()  # replaced meanwhile

    def _read(self, path: Path) -> str:
        sum, buffer = hashlib.sha256(), memoryview(bytearray(CHUNK))
        with path.open("rb", buffering=0) as file:
            while (size := file.readinto(buffer)) and not self._leave.is_set():
                sum.update(buffer[:size])
                self._tell(size)
        return sum.hexdigest()

    def _tell(self, size: int) -> None:
        with self._lock:
            self._done += size
            if self._hear:
                self._hear(Progress(done=self._done, total=self.total, unit="bytes"))
