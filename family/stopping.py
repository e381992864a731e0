"""How one thread ends what another one waits for."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Event, Lock


class Stop:
    """Asked for at most once, before or while there is something to be ended."""

    def __init__(self) -> None:
        self.asked = Event()
        self._lock = Lock()
        self._end: Callable[[], None] | None = None

    def ask(self) -> None:
        with self._lock:
            self.asked.set()
            end = self._end
        if end:
            end()

    @contextmanager
    def ends(self, end: Callable[[], None]) -> Iterator[None]:
        """Within the block, asking calls `end`; at once if it was asked for before."""
        with self._lock:
            self._end = end
        if self.asked.is_set():
            end()
        try:
            yield
        finally:
            with self._lock:
                self._end = None
