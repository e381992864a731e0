"""Whether a store can be used, and whether what is sealed in it is whole."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import psutil

from family import ledger, locks
from family.doctor.findings import Area, Finding
from family.errors import NoStoreError, StoreError
from family.lineage.record import model_name
from family.lineage.words import size
from family.remote.place import located
from family.store import Manifest, Store

STORE = Area("store")
#: How many of many are named.
NAMED = 5


def store(root: Path) -> Iterator[Finding]:
    """Look at the store at `root`; every file's size is compared, no file is read."""
    try:
        opened = Store.existing(root)
    except NoStoreError:
        yield _place(located(root)[0])
        return
    except StoreError as error:
        yield STORE.refused("place", error)
        return
    yield _writable(opened)
    yield _whole(opened)
    try:
        yield _released(opened)
    except StoreError as error:
        yield STORE.refused("releases", error)
    holders = locks.holders(opened.root)
    yield _lock(holders)
    yield _half_done(opened, at_work=bool(holders))


def _place(root: Path) -> Finding:
    """A store that is not there yet."""
    if (root / "artifacts").exists():
        return STORE.fail(
            "place",
            f"{root} has artifacts, and no store.json that says of which format",
            f"If it is a store of descent: echo '{{\"format\": 1}}' > {root / 'store.json'}",
        )
    above = next(path for path in (root, *root.absolute().parents) if path.exists())
    try:
        _write_in(above)
    except OSError as error:
        return STORE.fail(
            "place",
            f"{root} is not there, and {above} cannot be written to: {error.strerror}",
            "Mount it, have the folder made for you, or name another with --store.",
        )
    return STORE.ok("place", f"{root}: none yet; the first build makes it")


def _writable(store: Store) -> Finding:
    try:
        _write_in(store.root)
    except OSError as error:
        return STORE.fail(
            "place",
            f"{store.root} cannot be written to: {error.strerror}",
            "Have it mounted for writing, or the rights given to you: what was built can be read, "
            "and nothing new can be built.",
        )
    families = ", ".join(store.families()) or "no family yet"
    return STORE.ok("place", f"{store.root}: {families}")


def _write_in(folder: Path) -> None:
    with tempfile.TemporaryFile(dir=folder) as file:
        file.write(b"0")


def _whole(store: Store) -> Finding:
    """Each artifact against its manifest, by names and sizes."""
    damaged, count, total = [], 0, 0
    for folder in sorted((store.root / "artifacts").iterdir()):
        count += 1
        if (manifest := store.manifest(folder.name)) is None:
            damaged.append(f"{folder.name[:12]} has no manifest that can be read")
            continue
        total += sum(file.bytes for file in manifest.files.values())
        if faults := store.faults(manifest, deep=False):
            damaged.append(f"{_named(manifest)}: {faults[0]}")
    if damaged:
        return STORE.fail(
            "artifacts",
            f"{len(damaged)} of {count} are damaged: {_few(damaged)}",
            "Build the family again, which makes them anew (descent build CONFIG), or bring "
            f"{store.root / 'artifacts'} back from a backup.",
        )
    return STORE.ok("artifacts", f"{count}, {size(total)}, with all their files in full length")


def _released(store: Store) -> Finding:
    """Whether everything is there that a release or a family's last build names."""
    missing, kept = [], list(ledger.releases(store))
    places = [(f"{one.family} {one.version}", one.family, one.steps) for one, _ in kept]
    places += [(f"{name} now", name, store.head(name)) for name in store.families()]
    for what, family, steps in places:
        gone = [step for step, key in steps.items() if not store.folder(key).is_dir()]
        names = [model_name(family, *step.split("/", 1)) for step in gone]
        missing += [f"{name} ({what})" for name in names]
    if missing:
        return STORE.fail(
            "releases",
            f"{len(missing)} artifacts are gone: {_few(missing)}",
            "Bring them back from a backup. What a family has now, a build makes again: descent "
            "build CONFIG",
        )
    return STORE.ok("releases", f"{len(kept)}, with everything that they name")


def _lock(holders: list[str]) -> Finding:
    if not holders:
        return STORE.ok("lock", "free")
    return STORE.ok("lock", f"held by {', '.join(map(_process, holders))}: a build is at work")


def _process(number: str) -> str:
    """`process 123 (python)`, as far as it is known here."""
    if number.isdigit() and psutil.pid_exists(int(number)):
        return f"process {number} ({psutil.Process(int(number)).name()})"
    return f"process {number}, on another machine"


def _half_done(store: Store, *, at_work: bool) -> Finding:
    """Folders in which something was being made."""
    folder = store.root / "scratch"
    left = [path for path in sorted(folder.iterdir()) if path.is_dir()]
    if not left:
        return STORE.ok("scratch", "nothing half-done")
    held = sum(file.stat().st_size for path in left for file in path.rglob("*") if file.is_file())
    what = f"{len(left)} half-done, {size(held)}"
    if at_work:
        return STORE.ok("scratch", f"{what}, perhaps by the build that is at work")
    return STORE.warn(
        "scratch",
        f"{what}, left by builds that were ended",
        f"Run the build again, which goes on from them. If nobody will: descent sweep --store "
        f"{store.root}",
    )


def _named(manifest: Manifest) -> str:
    made = manifest.origin
    return f"{model_name(made.family, made.tier, made.step)} ({manifest.key[:12]})"


def _few(names: list[str]) -> str:
    more = len(names) - NAMED
    return "; ".join(names[:NAMED]) + (f"; and {more} more" if more > 0 else "")
