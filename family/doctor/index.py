"""Whether the lineage index can be opened, has the schema of today, and agrees with the store."""

from collections.abc import Iterator
from pathlib import Path

import psutil
from sqlalchemy import URL, Connection

from family.doctor.findings import Area, Finding
from family.errors import StoreError
from family.lineage import database
from family.lineage.agree import agree_on
from family.lineage.connect import VARIABLE, engine, faults, shown, url
from family.store import Store

INDEX = Area("index")
#: Seconds that a server may take to answer here.
ANSWER = "3"
#: File systems on which SQLite's write-ahead log, which is shared memory, does not work.
#: https://www.sqlite.org/wal.html
NETWORK = {
    *("nfs", "nfs4", "cifs", "smb3", "smbfs", "afs", "9p", "lustre", "ceph", "gpfs", "beegfs"),
    *("fuse.sshfs", "fuse.glusterfs", "fuse.s3fs", "fuse.gcsfuse", "fuse.ceph"),
}


def index(store: Store) -> Iterator[Finding]:
    """Look at the index of a store, and leave it as it is."""
    try:
        address = url(store)
        if address.get_backend_name() == "sqlite":
            file = Path(address.database or "")
            yield on_disk(file, filesystem(file))
            if not file.exists():
                yield INDEX.ok("database", f"{file}: none yet; it is made when it is first asked")
                return
        with faults(address), engine(_hurried(address)).begin() as connection:
            yield INDEX.ok("database", shown(address))
            yield from _opened(connection, store)
    except StoreError as error:
        yield INDEX.refused("database", error)


def _hurried(address: URL) -> URL:
    """The address, told how long to wait where it does not say so itself."""
    if address.get_backend_name() == "sqlite" or "connect_timeout" in address.query:
        return address
    return address.update_query_dict({"connect_timeout": ANSWER})


def _opened(connection: Connection, store: Store) -> Iterator[Finding]:
    found = database.version(connection)
    if found != database.HEAD:
        yield schema(found)
        return
    yield INDEX.ok("schema", f"{found}, the newest")
    try:
        if not database.is_ready(connection, store):
            yield INDEX.ok("agreement", "empty; it is filled from the store when it is next asked")
            return
        for family in store.families():
            agree_on(connection, store, family)
    except StoreError as error:
        yield INDEX.refused("agreement", error)
    else:
        yield INDEX.ok("agreement", "it has what the store has")


def schema(found: str | None) -> Finding:
    """A schema that is not today's: an older one, or one that a newer descent wrote."""
    if found is None:
        return INDEX.ok("schema", "none yet; it is made when it is next asked")
    written = (database.MIGRATIONS / "versions").glob(f"v{found}_*.py")
    if any(written):
        return INDEX.warn(
            "schema",
            f"{found}, and {database.HEAD} is the newest",
            "The next command that reads it brings it up to date: descent status",
        )
    return INDEX.fail(
        "schema",
        f"{found}, and this descent knows {database.HEAD}",
        "Upgrade descent-family, or use another --store.",
    )


def on_disk(file: Path, kind: str) -> Finding:
    """Whether SQLite may be used where its file is."""
    if kind in NETWORK:
        return INDEX.warn(
            "disk",
            f"{file} is on {kind}, a network file system, where SQLite may lose what it writes",
            f"Put the index on a disk of this machine ({VARIABLE}=sqlite:////folder/lineage.db), "
            f"or on PostgreSQL ({VARIABLE}=postgresql://user:password@host/database).",
        )
    return INDEX.ok("disk", f"on {kind}" if kind else "of a kind that cannot be told")


def filesystem(path: Path) -> str:
    """`ext4`, `nfs4`: the kind of file system that a path is on; empty where nobody tells."""
    resolved = path.resolve()
    held = [
        one
        for one in psutil.disk_partitions(all=True)
        if resolved.is_relative_to(one.mountpoint) and one.fstype not in ("autofs", "rootfs")
    ]
    return max(held, key=lambda one: len(one.mountpoint)).fstype if held else ""
