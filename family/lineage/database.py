"""Opening the index: `lineage.db` in the store, or the database that DESCENT_LINEAGE_URL names.

It is brought to the current schema, and filled from the store, as it is opened. When both was
done, which is nearly always, that costs two looks and Alembic is not imported.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import Connection, Engine, delete, insert, inspect, select, text

from family.errors import StoreError
from family.lineage import tables
from family.lineage.connect import VARIABLE, engine, faults, shown, url
from family.store import Store

#: The newest migration; a test holds it to the scripts' own.
HEAD = "0003"
MIGRATIONS = Path(__file__).parent / "migrations"


@contextmanager
def reading(store: Store) -> Iterator[Connection]:
    """A transaction that reads one state of the index; writers do not wait for it."""
    with _transaction(store, writes=False) as connection:
        yield connection


@contextmanager
def writing(store: Store) -> Iterator[Connection]:
    """A transaction that may read first and then write: it takes its turn from the start."""
    with _transaction(store, writes=True) as connection:
        yield connection


@contextmanager
def _transaction(store: Store, *, writes: bool) -> Iterator[Connection]:
    found = engine(url(store)).execution_options(writes=writes)
    with faults(found.url):
        with found.begin() as connection:
            if is_ready(connection, store):
                yield connection
                return
        _make_ready(found, store)
        with found.begin() as connection:
            yield connection


def is_ready(connection: Connection, store: Store) -> bool:
    """Whether the index has the current schema and was filled from this store.

    StoreError if it is another store's: two stores in one index would mix, and `reindex` of one
    would forget the other.
    """
    if version(connection) != HEAD:
        return False
    of = connection.execute(select(tables.store)).first()
    if of and of.id != store.id:
        raise StoreError(
            f"{shown(connection.engine.url)}: this is the lineage index of another store, "
            f"{of.root}, and not of {store.root}. Give each store a database of its own in "
            f"{VARIABLE}, or leave it out. If that store is gone for good: descent lineage "
            f"reindex --take-over"
        )
    return of is not None


def version(connection: Connection) -> str | None:
    """The schema that the database has; None if it is new."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    found: str | None = connection.scalar(text("SELECT version_num FROM alembic_version"))
    return found


def _make_ready(engine: Engine, store: Store) -> None:
    """Migrate, and fill what is new from the store; rows that are there already stay."""
    from family.lineage.record import fill

    with engine.execution_options(writes=True).begin() as connection:
        if is_ready(connection, store):  # another process was first
            return
        _migrate(connection)
        fill(connection, store)
        _own(connection, store)


def take_over(store: Store) -> None:
    """Make another store's index this store's; its rows are still the other's."""
    found = engine(url(store)).execution_options(writes=True)
    with faults(found.url), found.begin() as connection:
        if version(connection) == HEAD:
            _own(connection, store)


def _own(connection: Connection, store: Store) -> None:
    connection.execute(delete(tables.store))
    connection.execute(insert(tables.store), {"id": store.id, "root": str(store.root)})


def _migrate(connection: Connection) -> None:
    from alembic import command
    from alembic.config import Config
    from alembic.script import ScriptDirectory

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    known = {script.revision for script in ScriptDirectory.from_config(config).walk_revisions()}
    found = version(connection)
    if found is not None and found not in known:
        raise StoreError(
            f"{shown(connection.engine.url)}: the lineage index has schema {found}, and this "
            f"descent knows {HEAD}. Upgrade descent-family, or use another --store."
        )
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
