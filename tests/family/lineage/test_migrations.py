"""Every schema that there was is brought to the newest, with its rows."""

from collections.abc import Callable
from typing import Any

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import MetaData, String, insert, inspect, select

from family.errors import StoreError
from family.lineage import connect, database, tables
from family.lineage.database import reading, writing
from family.lineage.queries import Lineage
from family.store import Store
from tests.family.lineage.hand_built import Family, add_release

pytestmark = pytest.mark.both

SCRIPTS = Config()
SCRIPTS.set_main_option("script_location", str(database.MIGRATIONS))
REVISIONS = [one.revision for one in ScriptDirectory.from_config(SCRIPTS).walk_revisions()][::-1]

Rows = dict[str, list[dict[str, Any]]]


def contents(store: Store) -> Rows:
    """All rows that follow from what the store holds."""
    with reading(store) as connection:
        return {
            table.name: sorted(map(dict, connection.execute(select(table)).mappings()), key=repr)
            for table in tables.metadata.sorted_tables
            if table is not tables.store
        }


def at_revision(store: Store, revision: str, rows: Rows) -> None:
    """Make the store's index one of an older schema, with all the rows that it had room for."""
    with connect.engine(connect.url(store)).execution_options(writes=True).begin() as connection:
        SCRIPTS.attributes["connection"] = connection
        command.upgrade(SCRIPTS, revision)
        there = MetaData()
        there.reflect(connection)
        for table in there.sorted_tables:
            kept = [
                {name: value for name, value in row.items() if name in table.columns}
                for row in rows.get(table.name, ())
            ]
            if kept:
                connection.execute(insert(table), kept)


@pytest.fixture
def released(family: Family) -> Family:
    add_release(family, "1.0.0", "candidate", "production")
    return family


def test_the_newest_migration_is_the_one_that_opening_expects() -> None:
    assert REVISIONS[-1] == database.HEAD
    assert sorted(REVISIONS) == REVISIONS


def test_the_migrations_make_the_tables_that_the_code_knows(store: Store) -> None:
    with reading(store) as connection:
        context = MigrationContext.configure(connection, opts={"compare_server_default": True})
        assert compare_metadata(context, tables.metadata) == []


@pytest.mark.parametrize("revision", REVISIONS)
def test_an_index_of_an_older_schema_is_upgraded_with_its_rows_as_it_is_opened(
    released: Family, new_index: Callable[[], None], revision: str
) -> None:
    before = contents(released.store)
    assert all(before.values())
    status = Lineage(released.store).status("toy")
    renew(released.store, new_index)
    at_revision(released.store, revision, before)

    assert Lineage(released.store).status("toy") == status
    assert contents(released.store) == before


@pytest.mark.parametrize("revision", REVISIONS)
def test_rows_that_no_file_of_the_store_tells_of_are_kept_too(
    released: Family, store: Store, new_index: Callable[[], None], revision: str
) -> None:
    before = contents(released.store)
    renew(store, new_index)
    at_revision(store, revision, before)

    after = contents(store)

    with reading(store) as connection:
        assert database.version(connection) == database.HEAD
        assert connection.scalar(select(tables.store.c.id)) == store.id
    held = {"heads", "builds", "models", "files", "edges", "metrics", "verdicts"}
    if revision >= "0002":
        held |= {"datasets", "releases", "released", "obligations", "decisions"}
    for name in held:
        assert after[name] == before[name]


def test_an_index_of_a_newer_descent_is_refused(family: Family) -> None:
    with writing(family.store) as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(
        StoreError, match=rf"has schema 9999, and this descent knows {database.HEAD}\. Upgrade"
    ):
        Lineage(family.store).families()


def test_names_sort_by_code_point_on_every_database(family: Family) -> None:
    family.name = "Ähre"
    for tier in ("b", "B", "a-b", "a_b", "ab", "Z"):
        family.note(tier, "distill", family.heads["mini/distill"])
    found = Lineage(family.store).show("Ähre/b").names
    assert list(found) == sorted(found)
    with reading(family.store) as connection:
        if connection.dialect.name == "postgresql":
            there = inspect(connection)
            plain = {
                f"{table}.{column['name']}"
                for table in there.get_table_names()
                for column in there.get_columns(table)
                if isinstance(column["type"], String)
                and column["type"].length is None
                and column["type"].collation != "C"
            }
            assert plain == set()


def renew(store: Store, new_index: Callable[[], None]) -> None:
    """Give the store a new and empty database."""
    for path in store.root.glob("lineage.db*"):
        path.unlink()
    new_index()
