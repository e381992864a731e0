"""Opening the index: `lineage.db` in the store, or any database that the variable
DESCENT_LINEAGE_URL names as SQLAlchemy does.

It is brought to the current schema as it is opened. When it is there already, which is nearly
always, that costs one look and Alembic is not imported.
"""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache, partial
from pathlib import Path
from sqlite3 import Connection as SQLite

from sqlalchemy import (
    URL,
    Connection,
    Engine,
    NullPool,
    create_engine,
    event,
    inspect,
    make_url,
    text,
)
from sqlalchemy.exc import DatabaseError

from family.errors import StoreError
from family.store import Store

#: The newest migration; a test holds it to the scripts' own.
HEAD = "0002"
MIGRATIONS = Path(__file__).parent / "migrations"
VARIABLE = "DESCENT_LINEAGE_URL"


def url(store: Store) -> URL:
    """Where the index of `store` is."""
    if named := os.environ.get(VARIABLE):
        return make_url(named)
    return URL.create("sqlite", database=str(store.root / "lineage.db"))


@contextmanager
def reading(store: Store) -> Iterator[Connection]:
    """A transaction that reads; writers do not wait for it."""
    with _ready(url(store)).begin() as connection:
        yield connection


@contextmanager
def writing(store: Store) -> Iterator[Connection]:
    """A transaction that may read first and then write: it takes its turn from the start."""
    with _ready(url(store)).execution_options(writes=True).begin() as connection:
        yield connection


def _ready(address: URL) -> Engine:
    engine = _engine(address)
    try:
        with engine.connect() as connection:
            found = version(connection)
    except DatabaseError as error:
        raise StoreError(
            f"{address.render_as_string()}: the lineage index cannot be opened: {error.orig}. If "
            f"it is damaged, delete it; the next `descent status` rebuilds it from the store."
        ) from error
    if found != HEAD:
        _migrate(engine)
    return engine


@lru_cache(maxsize=8)
def _engine(address: URL) -> Engine:
    # No pool: a connection outlives neither its transaction nor the file that it opened. Keys are
    # sorted as they are in manifests, so that a rebuilt index reads the same.
    engine = create_engine(
        address, poolclass=NullPool, json_serializer=partial(json.dumps, sort_keys=True)
    )
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _prepare)
        event.listen(engine, "begin", _begin)
    return engine


def _prepare(connection: SQLite, _: object) -> None:
    # The driver would open transactions by itself, and later than asked; `_begin` does it.
    connection.isolation_level = None
    connection.execute("PRAGMA busy_timeout = 30000")
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = NORMAL")
    connection.execute("PRAGMA foreign_keys = ON")


def _begin(connection: Connection) -> None:
    # A read that turns into a write may fail at once when another writer came between.
    writes = connection.get_execution_options().get("writes")
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def version(connection: Connection) -> str | None:
    """The schema that the database has; None if it is new."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    found: str | None = connection.scalar(text("SELECT version_num FROM alembic_version"))
    return found


def _migrate(engine: Engine) -> None:
    from alembic import command
    from alembic.config import Config
    from alembic.script import ScriptDirectory

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    known = {script.revision for script in ScriptDirectory.from_config(config).walk_revisions()}
    with engine.execution_options(writes=True).begin() as connection:
        found = version(connection)
        if found is not None and found not in known:
            raise StoreError(
                f"{engine.url.render_as_string()}: the lineage index has schema {found}, and this "
                f"descent knows {HEAD}. Upgrade descent-family, or use another --store."
            )
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
