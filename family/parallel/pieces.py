"""Work that is cut into numbered pieces, which any process makes in any order.

A piece is a file, written whole or not at all. What a killed process had made is kept, whoever
goes on, and on however many processes.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO
from uuid import uuid4

from family.errors import DescentError
from family.parallel.place import Place


@dataclass(frozen=True)
class Pieces:
    """`count` files in a folder, which goes once they are put together.

    The folder is made here and nowhere else: who writes when it is gone has come too late."""

    folder: Path
    count: int

    def __post_init__(self) -> None:
        self.folder.mkdir(exist_ok=True)

    def made_of(self, source: str) -> None:
        """Note what the pieces are made of, as a digest; refuse those of something else."""
        note = self.folder / "made_of"
        if note.exists() and note.read_text() != source:
            raise DescentError(
                f"{self.folder} holds pieces of another teacher, corpus or setting. Remove it, and "
                f"make them anew."
            )
        part = self.folder / f"{uuid4().hex}.part"
        part.write_text(source)
        part.replace(note)

    def path(self, number: int) -> Path:
        return self.folder / f"{number:05}"

    def missing(self, place: Place) -> list[int]:
        """The pieces that fall to the process at `place` and are not there yet."""
        share = range(place.rank, self.count, place.world)
        return [number for number in share if not self.path(number).exists()]

    @contextmanager
    def writing(self, number: int) -> Iterator[IO[bytes]]:
        """A file for a piece, put in its place once it is whole."""
        part = self.folder / f"{uuid4().hex}.part"
        with part.open("wb") as file:
            yield file
        part.replace(self.path(number))

    def made(self) -> int:
        """How many are there."""
        return sum(self.path(number).exists() for number in range(self.count))

    def wait(self, tell: Callable[[int], None], every: float = 0.2) -> None:
        """Return once all are there, the other processes' too; `tell` hears how many are."""
        while (made := self.made()) < self.count:
            tell(made)
            time.sleep(every)
        tell(self.count)
