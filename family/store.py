"""Artifacts under their keys: sealed whole or not at all, verified, swept.

store.json              the layout's version
artifacts/<key>/        what a stage wrote, and manifest.json, written last
scratch/<key>/          half-done work; a killed stage that resumes finds its checkpoints here
families/<family>.json  which key each stage of each tier has now
releases/  decisions/   what people decided about families; see family.ledger
lock  locks/            who builds, releases or sweeps; see family.locks
logs/  lineage.db  id
remote                  the URL behind the folder, if there is one: see family.remote
"""

import errno
import fcntl
import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self
from uuid import uuid4

from pydantic import Field, ValidationError

from family import locks
from family.errors import NoStoreError, StoreError
from family.progress import Listener
from family.remote.place import located
from family.stage import Outcome, Recipe, Scalar, Settings
from family.stopping import Stop
from family.whole import whole

if TYPE_CHECKING:
    from family.remote.shared import Shared

FORMAT = 1
MANIFEST = "manifest.json"
OUTCOME = "outcome.json"


class FileDigest(Settings):
    """One file of an artifact."""

    bytes: int
    sha256: str


class Origin(Settings):
    """Who made an artifact, when and on what: told by the builder, never by a stage."""

    family: str
    tier: str = Field(description="Empty for what all tiers share.")
    step: str = Field(description="The stage, with its variant: `distill`, `export:int4`.")
    started: str = Field(description="UTC, ISO 8601.")
    seconds: float
    energy_joules: float | None = Field(
        None, description="Of the machine's processors meanwhile; null where they do not tell."
    )
    seed: int | None = None
    prefect_run_id: str | None = None
    environment: dict[str, Scalar] = Field(default_factory=dict)


class Manifest(Settings):
    """The truth about one artifact."""

    format: int = FORMAT
    key: str
    recipe: dict[str, Any] = Field(description="The canonical recipe, whose digest is the key.")
    files: dict[str, FileDigest]
    outcome: Outcome
    origin: Origin

    @property
    def digest(self) -> str:
        """SHA-256 over the names and digests of the files: what was made, whoever made it."""
        lines = "".join(f"{file.sha256}  {name}\n" for name, file in sorted(self.files.items()))
        return hashlib.sha256(lines.encode()).hexdigest()


def sha256(path: Path) -> str:
    """SHA-256 (hex) of a file, in constant memory."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _files_of(folder: Path) -> Iterator[tuple[str, Path]]:
    for path in sorted(folder.rglob("*")):
        if path.is_file() and path.name != MANIFEST:
            yield path.relative_to(folder).as_posix(), path


def digests(folder: Path, *, settle: bool = False) -> dict[str, FileDigest]:
    """Sizes and digests of all files below `folder`, the manifest left out.

    With `settle` they are on the disk when it returns: they get there while they are read."""
    found = list(_files_of(folder))
    with ThreadPoolExecutor() as pool:
        sums = pool.map(lambda item: sha256(item[1]), found)
        if settle:
            folders = (path for path in folder.rglob("*") if path.is_dir())
            list(pool.map(sync, [*(path for _, path in found), *folders]))
    return {
        name: FileDigest(bytes=path.stat().st_size, sha256=value)
        for (name, path), value in zip(found, sums, strict=True)
    }


@contextmanager
def disk_faults(where: Path) -> Iterator[None]:
    """Turn a full disk into an error that says how to go on."""
    try:
        yield
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        free = shutil.disk_usage(where).free / 1e6
        raise StoreError(
            f"{where}: the disk is full ({free:.0f} MB free). What was sealed is kept; make room "
            f"and run the same command again, or point --store at a larger disk."
        ) from error


@contextmanager
def reachable(place: Path | str) -> Iterator[None]:
    """Turn what keeps a store from being opened at all into an error that says how to go on."""
    try:
        yield
    except OSError as error:
        raise StoreError(
            f"{place}: the store cannot be reached: {error.strerror}. Mount its disk, mend your "
            f"rights to it, or point --store (DESCENT_STORE) at another folder."
        ) from error


class Store:
    """A folder of artifacts, which may stand before a URL that others share.

    Opening it checks its layout's version, and makes it if it is absent and may be `new`."""

    def __init__(self, place: Path | str, *, new: bool = True) -> None:
        with reachable(place):
            self.root, url = located(place)
            self.shared = self._shared(url) if url else None
            self._open(new=new)

    def _open(self, *, new: bool) -> None:
        mark = self.root / "store.json"
        if self.root.exists() and not self.root.is_dir():
            raise StoreError(
                f"{self.root}: a store is a folder, and this is a file. Name another with --store "
                f"(DESCENT_STORE)."
            )
        if known := mark.exists():
            self._check(mark)
        elif self.shared:
            self.shared.attach(new=new)
        elif not new:
            raise NoStoreError(
                f"{self.root}: there is no store here. Run `descent build CONFIG` first, or say "
                f"where it is with --store or DESCENT_STORE."
            )
        with disk_faults(self.root.parent if self.root.parent.exists() else Path.cwd()):
            # Of a known store too: what copied it may have left empty folders behind.
            for name in ("artifacts", "scratch", "families", "logs"):
                (self.root / name).mkdir(parents=True, exist_ok=True)
            if not known:
                write_json(mark, {"format": FORMAT})

    def _shared(self, url: str) -> "Shared":
        from family.remote.shared import Shared

        return Shared(self.root, url)

    def _check(self, mark: Path) -> None:
        try:
            found = json.loads(mark.read_text())["format"]
        except (ValueError, TypeError, KeyError):
            raise StoreError(
                f"{mark} cannot be read, so nobody knows what this folder is. If it is a store, "
                f'write {{"format": {FORMAT}}} into it; if not, use another --store.'
            ) from None
        if found != FORMAT:
            raise StoreError(
                f"{self.root}: the store has format {found}, and this descent knows {FORMAT}. "
                f"Upgrade descent-family, or use another --store."
            )

    @classmethod
    def existing(cls, place: Path | str) -> Self:
        """Open a store for reading; NoStoreError if there is none at `place`."""
        return cls(place, new=False)

    @property
    def place(self) -> str:
        """Where the store is for every machine that sees it: its URL, or else its folder."""
        return self.shared.url if self.shared else str(self.root)

    @cached_property
    def id(self) -> str:
        """What tells this store from others wherever it is mounted; a copy of it has the same."""
        path = self.root / "id"
        if path.exists() and (known := path.read_text()):
            return known
        with disk_faults(self.root), path.open("a+") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            file.seek(0)
            if not (known := file.read()):
                known = uuid4().hex
                file.write(known)
        return known

    # ---- artifacts -------------------------------------------------------------------------

    def folder(self, key: str) -> Path:
        return self.root / "artifacts" / key

    def log(self, key: str) -> Path:
        return self.root / "logs" / f"{key}.log"

    def scratch(self, key: str, *, keep: bool) -> Path:
        """An empty folder to work in, or with `keep` the one that a killed run left."""
        path = self.root / "scratch" / key
        if not keep and path.exists():
            shutil.rmtree(path)
        path.mkdir(parents=True, exist_ok=True)
        return path

    def manifest(self, key: str) -> Manifest | None:
        """The manifest of a sealed artifact; None if there is none or it cannot be read."""
        try:
            return Manifest.model_validate_json((self.folder(key) / MANIFEST).read_bytes())
        except (FileNotFoundError, ValidationError):
            return None

    def manifests(self) -> Iterator[Manifest]:
        """Every sealed artifact's manifest, by key."""
        for path in sorted((self.root / "artifacts").iterdir()):
            if manifest := self.manifest(path.name):
                yield manifest

    def look(self, key: str) -> Manifest | None:
        """The manifest of an artifact, also of one that another machine made a moment ago."""
        found = self.manifest(key)
        return self.shared.look(key) if self.shared and not found else found

    def fetch(self, key: str, hear: Listener | None = None) -> Path:
        """The folder of an artifact, with its files in it: a shared store may hold them alone."""
        folder = self.folder(key)
        if self.shared and (manifest := self.look(key)):
            self.shared.fetch(manifest, folder, hear)
        return folder

    def share(
        self, manifest: Manifest, hear: Listener | None = None, *, new: bool = False
    ) -> Manifest:
        """Let others have an artifact, if the store is shared; the manifest that counts for all."""
        if self.shared is None:
            return manifest
        return self.shared.share(manifest, self.folder(manifest.key), hear, new=new)

    def seal(
        self, recipe: Recipe, scratch: Path, outcome: Outcome, origin: Callable[[], Origin]
    ) -> Manifest:
        """Digest what stands in `scratch` and move it under its key, whole or not at all."""
        with disk_faults(self.root):
            (scratch / OUTCOME).write_text(outcome.model_dump_json(indent=2))
            manifest = Manifest(
                key=recipe.key,
                recipe=recipe.canonical,
                files=digests(scratch, settle=True),
                outcome=outcome,
                origin=origin(),
            )
            _write_json(scratch / MANIFEST, manifest.model_dump(mode="json"))
            sync(scratch)
            target = self.folder(recipe.key)
            if target.exists():
                shutil.rmtree(target)
            scratch.rename(target)
            sync(target.parent)
        return manifest

    def faults(self, manifest: Manifest, *, deep: bool = True) -> list[str]:
        """What differs from the manifest: missing files, sizes and, if `deep`, digests.

        Files that were not fetched yet are held to what the shared store has, if `deep`."""
        folder = self.folder(manifest.key)
        found = []
        away = [name for name in manifest.files if not (folder / name).is_file()]
        if self.shared is None:
            found = [f"{name} is missing" for name in away]
        elif away and deep:
            found = self.shared.faults(manifest, away)
        here = {name: file for name, file in manifest.files.items() if name not in away}
        for name, file in here.items():
            size = (folder / name).stat().st_size
            if size != file.bytes:
                found.append(f"{name} has {size} bytes, not {file.bytes}")
        if not found and deep:
            now = digests(folder)
            found = [
                f"{name} has digest {now[name].sha256[:12]}, not {file.sha256[:12]}"
                for name, file in here.items()
                if now[name].sha256 != file.sha256
            ]
        return found

    # ---- which artifacts a family has now --------------------------------------------------

    def families(self) -> list[str]:
        return sorted(path.stem for path in (self.root / "families").glob("*.json"))

    def head(self, family: str) -> dict[str, str]:
        """`tier/step` -> key as of the last build; shared steps have an empty tier."""
        path = self.root / "families" / f"{family}.json"
        try:
            found: dict[str, str] = json.loads(path.read_text())
        except FileNotFoundError:
            return {}
        except ValueError:
            raise StoreError(
                f"{path} cannot be read, so nobody knows what {family} has now. Delete it and "
                f"build the family again: what is sealed is reused."
            ) from None
        return found

    def set_head(self, family: str, head: dict[str, str]) -> None:
        self.write(f"families/{family}.json", head)

    # ---- records ---------------------------------------------------------------------------

    def write(self, name: str, value: Any) -> None:
        """Write a record that may change, for all who share the store."""
        with disk_faults(self.root):
            write_json(self.root / name, value)
        if self.shared:
            self.shared.write(name, _json(value).encode())

    def once(self, name: str, value: Any) -> None:
        """Write a record that never changes; StoreError if another machine wrote it first."""
        if self.shared:
            self.shared.once(name, _json(value).encode())
        with disk_faults(self.root):
            (self.root / name).parent.mkdir(parents=True, exist_ok=True)
            write_json(self.root / name, value)

    # ---- who may do what at once -----------------------------------------------------------

    @contextmanager
    def lock(
        self, family: str | None = None, *, wait: bool = True, on_wait: locks.OnWait = print
    ) -> Iterator[None]:
        """Hold one family for a build, or the whole store. Other families are built meanwhile."""
        held = (
            locks.everything(self.root, wait=wait, on_wait=on_wait)
            if family is None
            else locks.family(self.root, family, wait=wait, on_wait=on_wait)
        )
        with disk_faults(self.root), held:
            yield

    @contextmanager
    def making(
        self, key: str, title: str, *, on_wait: locks.OnWait = print, stop: Stop | None = None
    ) -> Iterator[None]:
        """Make an artifact; whoever else wants to make it waits, unless `stop` ends the wait."""
        stop = stop or Stop()
        with disk_faults(self.root), locks.artifact(self.root, key, title, on_wait, stop):
            yield


def write_json(path: Path, value: Any) -> None:
    """Write whole or not at all, whoever else writes it."""
    with whole(path) as part:
        _write_json(part, value)


def _write_json(path: Path, value: Any) -> None:
    with path.open("w") as file:
        file.write(_json(value))
        file.flush()
        os.fsync(file.fileno())


def _json(value: Any) -> str:
    return json.dumps(value, indent=2, sort_keys=True)


def sync(path: Path) -> None:
    """Put a file's content, or a folder's entries, on the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
