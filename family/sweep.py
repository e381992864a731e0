"""Takes out of a store what nobody needs any more.

Needed is what a family has now, what a release has, and what either is made of. All else goes:
artifacts of earlier builds, half-done work, files of writers that were killed, and their logs.
"""

import shutil
from collections.abc import Callable, Iterable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

from pydantic import Field

from family import locks
from family.ledger import deciding, releases
from family.lineage.record import forget
from family.lineage.views import View
from family.store import Store
from family.whole import PART

#: How the name of an artifact's folder ends that is on its way out.
GOING = ".swept"


class Gone(View):
    """One artifact that is swept."""

    key: str
    name: str = Field(description="`family/tier/step` of its first build; empty if half-removed.")
    bytes: int


class Swept(View):
    """What a sweep took away, or would."""

    kept: int = Field(description="Artifacts that stay.")
    artifacts: tuple[Gone, ...]
    leftovers: tuple[str, ...] = Field(
        description="Half-done work, half-written files and logs of what is gone, as paths in the "
        "store."
    )
    bytes: int = Field(description="Of all that goes.")


def needed(store: Store, since: datetime | None = None) -> set[str]:
    """The keys of what stays: of all families and releases, of what was made after `since`, and of
    what these are made of."""
    wanted = {key for family in store.families() for key in store.head(family).values()}
    wanted |= {key for release, _ in releases(store) for key in release.steps.values()}
    if since:
        wanted |= {
            one.key
            for one in store.manifests()
            if since <= datetime.fromisoformat(one.origin.started)
        }
    found: set[str] = set()
    while wanted:
        found.add(key := wanted.pop())
        if manifest := store.manifest(key):
            wanted |= {*manifest.recipe["inputs"].values()} - found
    return found


def sweep(
    store: Store,
    *,
    recent: timedelta = timedelta(),
    dry: bool = False,
    wait: bool = True,
    on_wait: Callable[[str], None] = print,
) -> Swept:
    """Remove what is not needed, but for what was made within the `recent` past; with `dry`, look
    only. It has the store alone meanwhile: a running build is waited for, or without `wait` refused
    with StoreError. Killed in the middle it is simply to be run again."""
    with store.lock(wait=wait, on_wait=on_wait), deciding(store):
        keep = needed(store, datetime.now(UTC) - recent if recent else None)
        there = sorted(path.name for path in (store.root / "artifacts").iterdir())
        gone = tuple(_gone(store, key) for key in there if key not in keep)
        left = _leftovers(store, keep)
        swept = Swept(
            kept=len(there) - len(gone),
            artifacts=gone,
            leftovers=tuple(path.relative_to(store.root).as_posix() for path in left),
            bytes=sum(one.bytes for one in gone) + sum(map(_size, left)),
        )
        if not dry:
            _remove(store, [one.key for one in gone], left)
    return swept


def _remove(store: Store, keys: Iterable[str], leftovers: Iterable[Path]) -> None:
    """First from the index, which may know less than the store but not more; artifacts go whole."""
    forget(store, keys)
    for key in keys:
        going = store.root / "scratch" / f"{key}{GOING}"
        store.folder(key).rename(going)
        shutil.rmtree(going)
    for path in leftovers:
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()
    locks.clear(store.root)


def _gone(store: Store, key: str) -> Gone:
    manifest = store.manifest(key)
    name = ""
    if manifest:
        origin = manifest.origin
        name = "/".join(filter(None, (origin.family, origin.tier, origin.step)))
    return Gone(key=key, name=name, bytes=_size(store.folder(key)))


def _leftovers(store: Store, keep: set[str]) -> list[Path]:
    root = store.root
    parts = [*root.glob(f"*{PART}")]
    for name in ("families", "releases", "decisions"):
        parts += (root / name).rglob(f"*{PART}")
    logs = [path for path in (root / "logs").glob("*.log") if path.stem not in keep]
    return sorted([*(root / "scratch").iterdir(), *parts, *logs])


def _size(path: Path) -> int:
    size = 0
    for one in path.rglob("*") if path.is_dir() else (path,):
        with suppress(FileNotFoundError):
            size += one.lstat().st_size if one.is_file() else 0
    return size
