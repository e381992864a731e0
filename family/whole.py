"""Files that are written whole or not at all, whoever else writes them."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

#: What the name of a file ends with while it is not whole.
PART = ".part"


@contextmanager
def part_of(path: Path) -> Iterator[Path]:
    """Where to write what is to become `path`; gone afterwards, unless it was moved."""
    part = path.with_name(f"{path.name}.{uuid4().hex}{PART}")
    try:
        yield part
    finally:
        part.unlink(missing_ok=True)


@contextmanager
def whole(path: Path) -> Iterator[Path]:
    """Likewise, and it becomes `path` once it is written."""
    with part_of(path) as part:
        yield part
        part.replace(path)


def write_whole(path: Path, content: bytes) -> None:
    """Write a small file, and the folder that it is in."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with whole(path) as part:
        part.write_bytes(content)
