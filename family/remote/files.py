"""Files at an fsspec URL, by the few verbs that a store needs.

What is written is there whole or not at all. Clients try again by themselves what may pass (for S3,
AWS_RETRY_MODE and AWS_MAX_ATTEMPTS say how often); what is left is told with how to go on.
"""

import hashlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Any

from family.remote.faults import faults, kinds
from family.whole import PART, part_of, whole

CHUNK = 16 << 20
"""Bytes that are asked for, or sent, at once."""
#: What S3 answers one of two that write the same at once.
CONFLICT = "ConditionalRequestConflict"

# No listing is remembered, since others write there too.
OPTIONS: dict[str, Any] = {"use_listings_cache": False, "skip_instance_cache": True}
S3: dict[str, Any] = {"config_kwargs": {"connect_timeout": 10}, "max_concurrency": 4}
BY_SCHEME: dict[str, dict[str, Any]] = {"file": {"auto_mkdir": True}, "s3": S3, "s3a": S3}
# Else s3fs holds ten times 50 MB of each file.
SENT: dict[str, dict[str, Any]] = {"s3": {"chunksize": CHUNK}, "s3a": {"chunksize": CHUNK}}


class RemoteFiles:
    """What is at a URL. Names are relative to it."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._scheme = url.partition("://")[0]

    def list(self, folder: str) -> dict[str, int]:
        """The names of all files below a folder, and their bytes; none if it is not there."""
        base = self._path("")
        with faults(self.url, folder):
            found = self._files.find(self._path(folder), detail=True)
        sizes = {path.removeprefix(base): int(one["size"]) for path, one in sorted(found.items())}
        return {name: size for name, size in sizes.items() if is_plain(name)}

    def read(self, name: str) -> bytes | None:
        """A small file; None if it is not there."""
        return self.read_all([name]).get(name)

    def read_all(self, names: Iterable[str]) -> dict[str, bytes]:
        """Small files, many at once, without those that are not there."""
        paths = {self._path(name): name for name in names}
        if not paths:
            return {}
        with faults(self.url, next(iter(paths.values()))):
            # Whole files: `cat` would first ask whether each one is there.
            whole = [None] * len(paths)
            found = self._files.cat_ranges([*paths], whole, whole, on_error="return")
            for said in found:
                if isinstance(said, BaseException) and not _is_absence(said):
                    raise said
        said_of = zip(paths.values(), found, strict=True)
        return {name: said for name, said in said_of if isinstance(said, bytes)}

    def write(self, name: str, content: bytes) -> None:
        """Write a small file, whatever is there."""
        with faults(self.url, name), self._whole(self._path(name)) as path:
            self._files.pipe_file(path, content)

    def claim(self, name: str, content: bytes) -> bytes:
        """Write a small file unless it is there; what is there now.

        Of several who claim one name, one succeeds: on S3 by If-None-Match, on disks by a link."""
        with faults(self.url, name):
            while True:
                try:
                    self._create(self._path(name), content)
                    return content
                except FileExistsError:
                    pass
                except OSError as error:
                    if CONFLICT not in str(error):
                        raise
                if (there := self.read(name)) is not None:
                    return there

    def upload(self, file: Path, name: str) -> None:
        """Put a file there, of any size."""
        with faults(self.url, name), self._whole(self._path(name)) as path:
            self._files.put_file(str(file), path, **SENT.get(self._scheme, {}))

    def download(self, name: str, file: Path, came: Callable[[int], None]) -> str | None:
        """Fetch a file, in constant memory; its SHA-256, or None if it is not there.

        `came` is told of each piece's bytes."""
        digest = hashlib.sha256()
        with faults(self.url, name):
            try:
                source = self._files.open(self._path(name), "rb", cache_type="none")
            except FileNotFoundError as error:
                if not _is_absence(error):
                    raise
                return None
            with source, file.open("wb") as target:
                while piece := source.read(CHUNK):
                    digest.update(piece)
                    target.write(piece)
                    came(len(piece))
        return digest.hexdigest()

    # ---- how it is done ------------------------------------------------------------------------

    @cached_property
    def _files(self) -> Any:
        with faults(self.url, ""):
            import fsspec

            return fsspec.filesystem(self._scheme, **OPTIONS, **BY_SCHEME.get(self._scheme, {}))

    def _path(self, name: str) -> str:
        return f"{self._files._strip_protocol(self.url)}/{name}"

    @property
    def _on_disk(self) -> bool:
        return self._scheme == "file"

    @contextmanager
    def _whole(self, path: str) -> Iterator[str]:
        """Where to write, so that nobody finds half of it at `path`. Half an object never is."""
        if not self._on_disk:
            yield path
            return
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        with whole(Path(path)) as part:
            yield str(part)

    def _create(self, path: str, content: bytes) -> None:
        """FileExistsError if it is there."""
        if not self._on_disk:
            self._files.pipe_file(path, content, mode="create")
            return
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        with part_of(Path(path)) as part:
            part.write_bytes(content)
            Path(path).hardlink_to(part)


def is_plain(name: str) -> bool:
    """Whether a name stays in the folder that it is relative to, and is no half-written file's."""
    path = PurePosixPath(name)
    return not path.is_absolute() and ".." not in path.parts and path.suffix != PART


def _is_absence(error: BaseException) -> bool:
    """Whether a file is not there; of a bucket that is not there, S3's client says the same."""
    return isinstance(error, FileNotFoundError) and "NoSuchBucket" not in kinds(error)
