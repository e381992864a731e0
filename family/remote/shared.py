"""A store at a URL, as one folder before it sees it."""

import json
from collections.abc import Iterable, Iterator
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import NamedTuple
from uuid import uuid4

from pydantic import ValidationError

from family.errors import NoStoreError, StoreError
from family.ledger import RELEASE, Release
from family.progress import Listener
from family.remote.files import RemoteFiles, is_plain
from family.remote.place import CACHE, remember
from family.remote.transfer import AlteredError, Transfer
from family.stage import digest_json
from family.store import FORMAT, MANIFEST, Manifest
from family.whole import write_whole

MARK = "store.json"
SMALL = 1 << 20
"""Bytes up to which a file comes along with its manifest: licences' texts, histories."""
MANY = 500
"""Manifests that are held in memory with their small files."""


class Brought(NamedTuple):
    """What others left at the URL since the folder saw it last."""

    manifests: list[Manifest]
    ledger: bool
    """Whether releases or decisions are new."""
    heads: dict[str, bytes]
    """What families have now, by the names of their files: nothing of it is written yet."""


class Shared:
    """What is at a store's URL, and `root`, the folder before it."""

    def __init__(self, root: Path, url: str) -> None:
        self.root, self.url = root, url
        self._remote = RemoteFiles(url)
        self._transfer = Transfer(root, self._remote)

    def attach(self, *, new: bool) -> None:
        """Let the folder stand before the URL, and make a store there if that is `new`.

        NoStoreError if there is none and none is to be made."""
        mark = self._remote.read(MARK)
        if mark is None:
            if not new:
                raise NoStoreError(
                    f"{self.url}: there is no store here. Run `descent build CONFIG` first, or "
                    f"mend --store or DESCENT_STORE."
                )
            fresh = json.dumps({"format": FORMAT, "id": uuid4().hex})
            mark = self._remote.claim(MARK, fresh.encode())
        found = self._read(mark)
        self.root.mkdir(parents=True, exist_ok=True)
        (self.root / "id").write_text(found)
        remember(self.root, self.url)

    # ---- records -------------------------------------------------------------------------------

    def bring(self) -> Brought:
        """Fetch the records that others left.

        What names artifacts is looked at before them, since it is written after them."""
        heads = self._remote.read_all([MARK, *self._remote.list("families")])
        self._check(heads.pop(MARK, None))
        ledger = self._news_of_ledger()
        self.__dict__.pop("_sealed", None)
        self._transfer.look_again()
        lacking = [
            _manifest(key)
            for key in sorted(self._sealed)
            if not (self.root / _manifest(key)).exists() and not self._refused(key).exists()
        ]
        manifests: list[Manifest] = []
        for start in range(0, len(lacking), MANY):
            manifests += self._bring(self._remote.read_all(lacking[start : start + MANY]))
        for name, content in ledger.items():
            write_whole(self.root / name, content)
        return Brought(manifests, bool(ledger), heads)

    def write(self, name: str, content: bytes) -> None:
        """Write a record that may change: the last one who writes it is right."""
        self._remote.write(name, content)

    def once(self, name: str, content: bytes) -> None:
        """Write a record that never changes; StoreError if another one was first."""
        if self._remote.claim(name, content) != content:
            raise StoreError(
                f"{self.url}/{name}: somebody else wrote this at the same time. Look at what they "
                f"decided; if yours still holds, run the same command again."
            )

    # ---- artifacts -----------------------------------------------------------------------------

    def look(self, key: str) -> Manifest | None:
        """The manifest of what another machine may have made a moment ago."""
        if self._refused(key).exists():
            return None
        return next(iter(self._bring(self._remote.read_all([_manifest(key)]))), None)

    def share(
        self, manifest: Manifest, folder: Path, hear: Listener | None, *, new: bool
    ) -> Manifest:
        """Have an artifact at the URL; the manifest that counts.

        Of two machines that made a `new` one, the artifact of the first takes the other's place."""
        key, name = manifest.key, _manifest(manifest.key)
        again = self._refused(key).exists()
        if key in self._sealed and not new and not again:
            return manifest
        files = {folder / one: file.sha256 for one, file in manifest.files.items()}
        self._transfer.send(files, hear, again=again)
        content = (folder / MANIFEST).read_bytes()
        counts = content if again else self._remote.claim(name, content)
        theirs = _parsed(counts, key)
        if counts != content and theirs and not self.faults(theirs):
            self._give_way(manifest, theirs, counts)
            manifest = theirs
        elif again or counts != content:
            self._remote.write(name, content)
        self._refused(key).unlink(missing_ok=True)
        self._sealed.add(key)
        return manifest

    def fetch(self, manifest: Manifest, folder: Path, hear: Listener | None) -> None:
        """Fetch what the folder lacks of an artifact.

        StoreError if it was altered; the next build makes it anew, and puts it there instead."""
        files = {folder / one: file.sha256 for one, file in manifest.files.items()}
        try:
            self._transfer.fetch(files, hear)
        except AlteredError as error:
            self._refused(manifest.key).parent.mkdir(exist_ok=True)
            self._refused(manifest.key).touch()
            (folder / MANIFEST).unlink(missing_ok=True)
            made = f"{manifest.origin.tier or 'family'} · {manifest.origin.step}"
            raise StoreError(
                f"{self.url}: {made} ({manifest.key[:16]}) is not what was sealed: {error}. It was "
                f"not used. Run `descent build CONFIG`, which makes it anew and puts it in order."
            ) from error

    def faults(self, manifest: Manifest, names: Iterable[str] | None = None) -> list[str]:
        """What the URL lacks of an artifact's files, of all or of those named."""
        files = manifest.files if names is None else {one: manifest.files[one] for one in names}
        there = self._transfer.sizes
        if any(there.get(file.sha256) != file.bytes for file in files.values()):
            self._transfer.look_again()  # they may have come since
            there = self._transfer.sizes
        return [
            f"{name} has {there[file.sha256]} bytes at {self.url}, not {file.bytes}"
            if file.sha256 in there
            else f"{name} is missing, here and at {self.url}"
            for name, file in files.items()
            if there.get(file.sha256) != file.bytes
        ]

    # ---- releases ------------------------------------------------------------------------------

    def release(self, release: Release, folder: Path) -> None:
        """Have a release at the URL: what it publishes, then its record."""
        self._transfer.send({folder / one: sum for one, sum in release.published.items()}, None)
        name = f"releases/{release.family}/{release.version}/{RELEASE}"
        self.once(name, (folder / RELEASE).read_bytes())

    def fetch_release(self, release: Release, folder: Path, hear: Listener | None) -> None:
        """Fetch what the folder lacks of what a release publishes."""
        files = {folder / one: sum for one, sum in release.published.items() if is_plain(one)}
        try:
            self._transfer.fetch(files, hear)
        except AlteredError as error:
            raise StoreError(
                f"{self.url}: {release.family} {release.version} is not what was released: "
                f"{error}. Bring it back from a backup."
            ) from error

    # ---- how it is done ------------------------------------------------------------------------

    @cached_property
    def _sealed(self) -> set[str]:
        """The keys of the artifacts at the URL, as of the last look."""
        found = map(PurePosixPath, self._remote.list("artifacts"))
        return {path.parent.name for path in found if path.name == MANIFEST}

    def _read(self, mark: bytes) -> str:
        """The id of the store at the URL; StoreError if this descent cannot use it."""
        try:
            found = json.loads(mark)
            known, id = found["format"], str(found["id"])
        except (ValueError, TypeError, KeyError):
            raise StoreError(
                f"{self.url}/{MARK} cannot be read, so nobody knows what this is. Use another URL."
            ) from None
        if known != FORMAT:
            raise StoreError(
                f"{self.url}: the store has format {known}, and this descent knows {FORMAT}. "
                f"Upgrade descent-family, or use another --store."
            )
        return id

    def _check(self, mark: bytes | None) -> None:
        """StoreError if the URL has no longer the store that the folder stands before."""
        if mark is None or self._read(mark) != (self.root / "id").read_text():
            there = "there is no store any more" if mark is None else "this is another store"
            raise StoreError(
                f"{self.url}: {there}, and {self.root} keeps what came from the one before. Bring "
                f"that back, or let another folder keep what is there now: {CACHE}=FOLDER"
            )

    def _news_of_ledger(self) -> dict[str, bytes]:
        """Releases, signatures and decisions that the folder lacks."""
        there = [*self._remote.list("releases"), *self._remote.list("decisions")]
        # A signature may be made anew, and all else never changes.
        known = {name for name in there if name.endswith(".json") and (self.root / name).exists()}
        return self._remote.read_all(name for name in there if name not in known)

    def _refused(self, key: str) -> Path:
        """There as long as the artifact at the URL is known to be altered."""
        return self.root / "refused" / key

    def _bring(self, found: dict[str, bytes]) -> Iterator[Manifest]:
        """Write manifests into the folder, after their small files."""
        manifests = [
            one for name, content in found.items() if (one := _parsed(content, _key(name)))
        ]
        small: dict[str, list[Path]] = {}
        for manifest in manifests:
            for name, file in manifest.files.items():
                path = self.root / "artifacts" / manifest.key / name
                if file.bytes <= SMALL and not path.exists():
                    small.setdefault(file.sha256, []).append(path)
        self._transfer.fetch_small(small)
        for manifest in manifests:
            name = _manifest(manifest.key)
            write_whole(self.root / name, found[name])
            self._sealed.add(manifest.key)
            yield manifest

    def _give_way(self, ours: Manifest, theirs: Manifest, content: bytes) -> None:
        """Put their artifact into ours' place; what differs is fetched when it is read."""
        folder = self.root / "artifacts" / ours.key
        for name, file in ours.files.items():
            if theirs.files.get(name) != file:
                (folder / name).unlink(missing_ok=True)
        write_whole(folder / MANIFEST, content)


def _manifest(key: str) -> str:
    return f"artifacts/{key}/{MANIFEST}"


def _key(name: str) -> str:
    return PurePosixPath(name).parent.name


def _parsed(content: bytes, key: str) -> Manifest | None:
    """A manifest; None if it cannot be read, is another artifact's, or names files elsewhere."""
    try:
        found = Manifest.model_validate_json(content)
    except ValidationError:
        return None
    its_own = found.key == key == digest_json(found.recipe)
    return found if its_own and all(map(is_plain, found.files)) else None
