"""Where an index is, and how SQLite and PostgreSQL are spoken to.

On both, a transaction that writes waits for its turn before its first look, so that what it read
still holds when it writes; and one that only reads sees one state, and waits for nobody.
"""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache, partial
from sqlite3 import Connection as SQLite
from typing import Any

from sqlalchemy import URL, Connection, Engine, NullPool, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError, DatabaseError, InternalError, OperationalError

from family.errors import StoreError
from family.store import Store

VARIABLE = "DESCENT_LINEAGE_URL"
#: How long a writer waits for its turn, in seconds.
TURN = 30.0
#: How long a server may take to answer, in seconds.
ANSWER = 10
#: The lock that stands for the whole index in a PostgreSQL database: `descent`, as a number.
LOCK = 0x64657363656E74
#: How PostgreSQL says that a user may not do something.
DENIED = "42501"


def url(store: Store) -> URL:
    """Where the index of `store` is. What is wrong with an address is not shown: a password."""
    named = os.environ.get(VARIABLE)
    if not named:
        return URL.create("sqlite", database=str(store.root / "lineage.db"))
    try:
        found = make_url(named)
    except (ArgumentError, ValueError):
        found = URL.create("none")
    if found.get_backend_name() == "sqlite":
        return found
    if found.get_backend_name() in ("postgres", "postgresql") and "@" not in (found.host or ""):
        return found.set(drivername="postgresql+psycopg")
    raise StoreError(
        f"{VARIABLE} is no address that descent knows. It looks like "
        f"postgresql://user:password@host:5432/database or sqlite:////folder/lineage.db; in a "
        f"password write @ as %40, : as %3A and / as %2F."
    )


def shown(address: URL) -> str:
    """The address, without any password."""
    secret = [name for name in address.query if "password" in name]
    return address.difference_update_query(secret).render_as_string(hide_password=True)


@lru_cache(maxsize=8)
def engine(address: URL) -> Engine:
    """How to reach the database. StoreError if its driver is not installed."""
    server = address.get_backend_name() == "postgresql"
    hurry = server and "connect_timeout" not in address.query
    try:
        # No pool: a connection outlives neither its transaction nor the file that it opened. Keys
        # are sorted as they are in manifests, so that a rebuilt index reads the same.
        found = create_engine(
            address,
            poolclass=NullPool,
            json_serializer=partial(json.dumps, sort_keys=True),
            connect_args={"connect_timeout": ANSWER} if hurry else {},
        )
    except ImportError as error:
        raise StoreError(
            f"{shown(address)}: the driver for PostgreSQL is not installed ({error}). Run: "
            f"pip install 'descent-family[postgres]'"
        ) from error
    if server:
        event.listen(found, "begin", _begin_on_server)
    else:
        event.listen(found, "connect", _open_file)
        event.listen(found, "begin", _begin_in_file)
    return found


@contextmanager
def faults(address: URL) -> Iterator[None]:
    """Say what is wrong with the database, and how to go on. Faults of ours stay as they are."""
    try:
        yield
    except DatabaseError as error:
        denied = getattr(error.orig, "sqlstate", None) == DENIED
        if not (type(error) in (DatabaseError, InternalError, OperationalError) or denied):
            raise
        if address.get_backend_name() == "sqlite":
            hint = "If it is damaged, delete it; the next command rebuilds it from the store."
        else:
            hint = (
                f"Start the server, or mend the host, port, user, password or database in "
                f"{VARIABLE}; without that variable the index is lineage.db in the store."
            )
        what = str(error.orig).strip().rstrip(".")
        raise StoreError(
            f"{shown(address)}: the lineage index cannot be used: {what}. {hint}"
        ) from error


def _open_file(connection: SQLite, _: Any) -> None:
    # The driver would open transactions by itself, and later than asked; `_begin_in_file` does it.
    connection.isolation_level = None
    connection.execute(f"PRAGMA busy_timeout = {int(1000 * TURN)}")
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = NORMAL")
    connection.execute("PRAGMA foreign_keys = ON")


def _begin_in_file(connection: Connection) -> None:
    # A read that turns into a write may fail at once when another writer came between.
    writes = connection.get_execution_options().get("writes")
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _begin_on_server(connection: Connection) -> None:
    if not connection.get_execution_options().get("writes"):
        connection.exec_driver_sql("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        # Every question begins at a few keys, and walks up or down by an index. How little it
        # reaches the planner cannot tell: it would read whole tables, by code compiled for that.
        connection.exec_driver_sql("SET LOCAL enable_seqscan = off")
        connection.exec_driver_sql("SET LOCAL jit = off")
        return
    # Each look after the lock sees all that the writers before it left, which is so at this level.
    connection.exec_driver_sql("SET TRANSACTION ISOLATION LEVEL READ COMMITTED, READ WRITE")
    connection.exec_driver_sql(f"SET LOCAL lock_timeout = {int(1000 * TURN)}")
    connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({LOCK})")
