"""Opening the index and its migrations, on real SQLite."""

import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import inspect

from family.errors import StoreError
from family.lineage import database, tables
from family.lineage.database import reading
from family.lineage.queries import Lineage
from family.store import Store
from tests.family.lineage.hand_built import Family


def run(code: str, *arguments: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-c", code, *arguments], stdout=subprocess.PIPE, text=True
    )


def test_the_migrations_make_the_tables_that_the_code_knows(store: Store) -> None:
    with reading(store) as connection:
        context = MigrationContext.configure(connection, opts={"compare_server_default": True})
        assert compare_metadata(context, tables.metadata) == []


def test_the_newest_migration_is_the_one_that_opening_expects() -> None:
    config = Config()
    config.set_main_option("script_location", str(database.MIGRATIONS))
    assert ScriptDirectory.from_config(config).get_current_head() == database.HEAD


def test_an_index_of_a_newer_descent_is_refused(family: Family) -> None:
    with sqlite3.connect(family.store.root / "lineage.db") as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    with (
        pytest.raises(StoreError, match=r"has schema 9999, and this descent knows 0003\. Upgrade"),
        reading(family.store),
    ):
        pass


def test_a_damaged_index_says_how_to_mend_it(family: Family) -> None:
    before = Lineage(family.store).status("toy")
    path = family.store.root / "lineage.db"
    path.write_bytes(b"no database" * 1000)
    with pytest.raises(StoreError, match=r"lineage\.db: the lineage index cannot be used: "):
        Lineage(family.store).status("toy")

    path.unlink()

    assert Lineage(family.store).status("toy") == before


def test_alembic_is_imported_only_when_a_migration_is_due(store: Store) -> None:
    code = (
        "import sys; from pathlib import Path; from family.store import Store\n"
        "from family.lineage.database import reading\n"
        "with reading(Store(Path(sys.argv[1]))): print('alembic' in sys.modules)"
    )
    said = [run(code, str(store.root)).communicate()[0].strip() for _ in range(2)]
    assert said == ["True", "False"]


def test_several_processes_may_open_a_new_index_at_once(store: Store) -> None:
    code = (
        "import sys; from pathlib import Path; from family.store import Store\n"
        "from family.lineage.record import reindex\n"
        "reindex(Store(Path(sys.argv[1]))); print('done')"
    )
    runs = [run(code, str(store.root)) for _ in range(4)]
    assert [process.communicate()[0].strip() for process in runs] == ["done"] * 4


def test_sqlite_keeps_a_write_ahead_log_and_foreign_keys(store: Store) -> None:
    with reading(store) as connection:
        assert connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"
        assert connection.exec_driver_sql("PRAGMA foreign_keys").scalar() == 1


def test_a_store_may_stand_in_a_folder_of_any_name(tmp_path: Path) -> None:
    with reading(Store(tmp_path / "100% #1? ü")) as connection:
        assert inspect(connection).has_table("models")


def test_the_index_may_be_any_database(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DESCENT_LINEAGE_URL", f"sqlite:///{tmp_path / 'elsewhere.db'}")
    with reading(store) as connection:
        assert inspect(connection).has_table("models")
    assert not (store.root / "lineage.db").exists()
