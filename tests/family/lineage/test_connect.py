"""Addresses of the index, and what is said when a database does not answer."""

import sys
import traceback
from pathlib import Path

import pytest
from sqlalchemy import inspect

from family.errors import StoreError
from family.lineage import connect
from family.lineage.connect import VARIABLE, url
from family.lineage.database import reading, writing
from family.lineage.queries import Lineage
from family.store import Store
from tests.family.lineage.hand_built import Family, add_flagship
from tests.postgres import PASSWORD, Server

both = pytest.mark.both


def test_the_index_is_in_the_store_unless_told_otherwise(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert url(store).database == str(store.root / "lineage.db")
    monkeypatch.setenv(VARIABLE, f"sqlite:///{tmp_path / 'elsewhere.db'}")
    with reading(store) as connection:
        assert inspect(connection).has_table("models")
    assert not (store.root / "lineage.db").exists()


def test_a_store_may_stand_in_a_folder_of_any_name(tmp_path: Path) -> None:
    with reading(Store(tmp_path / "100% #1? ü")) as connection:
        assert inspect(connection).has_table("models")


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+psycopg"])
def test_postgresql_goes_by_all_its_names(
    store: Store, monkeypatch: pytest.MonkeyPatch, scheme: str
) -> None:
    monkeypatch.setenv(VARIABLE, f"{scheme}://me:secret@db.example/lineage?sslmode=require")
    assert url(store).drivername == "postgresql+psycopg"
    assert (url(store).host, url(store).query["sslmode"]) == ("db.example", "require")


@pytest.mark.parametrize(
    "address",
    [
        "lineage.db",
        "mysql://me:sesame@db.example/lineage",
        "postgresql://me:se@same@db.example/lineage",
        "postgresql://me:ses/ame@db.example:sesame/lineage",
    ],
)
def test_an_address_that_cannot_be_meant_is_refused_and_not_shown(
    store: Store, monkeypatch: pytest.MonkeyPatch, address: str
) -> None:
    monkeypatch.setenv(VARIABLE, address)
    with pytest.raises(StoreError, match=r"^DESCENT_LINEAGE_URL is no address that d") as refused:
        Lineage(store).families()
    assert "same" not in "".join(traceback.format_exception(refused.value)).replace(address, "")
    assert "same" not in str(refused.value)


# ---- on a server ---------------------------------------------------------------------------


def test_a_password_works_and_is_never_shown(
    store: Store,
    postgres: Server,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    schema = postgres.create()
    monkeypatch.setenv(VARIABLE, postgres.url_with_password(schema))
    family = Family(store)
    add_flagship(family)
    family.end()
    assert Lineage(store).families() == ["toy"]

    monkeypatch.setenv(VARIABLE, postgres.url_with_password(schema, "wrong-91c2"))
    with pytest.raises(
        StoreError, match=r"the lineage index cannot be used: .*password authentication failed for "
    ) as refused:
        Lineage(store).families()

    monkeypatch.setenv(VARIABLE, postgres.url_with_password(schema, database="nowhere"))
    with pytest.raises(
        StoreError, match=r'database "nowhere" does not exist\. Start the server, or mend the host'
    ) as missing:
        Lineage(store).families()
    said = [*map(str, (refused.value, missing.value)), *capfd.readouterr()]
    said += ["".join(traceback.format_exception(one.value)) for one in (refused, missing)]
    said += [path.read_text() for path in store.root.rglob("*.json")]
    assert not any(secret in text for text in said for secret in (PASSWORD, "wrong-91c2"))
    assert "postgresql+psycopg://postgres:***@127.0.0.1:" in str(refused.value)


def test_a_password_among_the_options_is_not_shown_either() -> None:
    address = connect.make_url(
        "postgresql+psycopg://db/lineage?password=sesame&sslmode=off&user=me"
    )
    assert connect.shown(address) == "postgresql+psycopg://db/lineage?sslmode=off&user=me"


def test_a_server_that_is_not_there_says_how_to_go_on(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(VARIABLE, "postgresql://me:sesame@127.0.0.1:1/lineage")
    with pytest.raises(
        StoreError,
        match=r"(?s)^postgresql\+psycopg://me:\*\*\*@127\.0\.0\.1:1/lineage: the lineage index "
        r"cannot be used: .*Connection refused.* Start the server, or mend the host, port, user, "
        r"password or database in DESCENT_LINEAGE_URL; without that variable the index is ",
    ):
        Lineage(store).families()


def test_a_missing_driver_is_named_with_the_command_that_installs_it(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)
    monkeypatch.setenv(VARIABLE, "postgresql://me@no-driver.example/lineage")
    with pytest.raises(StoreError, match=r"Run: pip install 'descent-family\[postgres\]'$"):
        Lineage(store).families()


def test_a_user_who_may_not_make_tables_is_told_so(
    store: Store, postgres: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    postgres.execute("CREATE ROLE guest LOGIN")
    monkeypatch.setenv(VARIABLE, postgres.url("public").replace("postgres@", "guest@"))
    with pytest.raises(StoreError, match=r"cannot be used: permission denied for schema public"):
        Lineage(store).families()


# ---- transactions --------------------------------------------------------------------------


def test_sqlite_keeps_a_write_ahead_log_and_foreign_keys(store: Store) -> None:
    with reading(store) as connection:
        assert connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"
        assert connection.exec_driver_sql("PRAGMA foreign_keys").scalar() == 1


@both
def test_a_reader_sees_one_state_and_waits_for_no_writer(family: Family) -> None:
    with reading(family.store) as reader:
        before = reader.exec_driver_sql("SELECT count(*) FROM heads").scalar()
        with writing(family.store) as writer:
            writer.exec_driver_sql("DELETE FROM heads")
            assert reader.exec_driver_sql("SELECT count(*) FROM heads").scalar() == before
        assert reader.exec_driver_sql("SELECT count(*) FROM heads").scalar() == before
    with reading(family.store) as reader:
        assert reader.exec_driver_sql("SELECT count(*) FROM heads").scalar() == 0


@both
def test_a_writer_who_waits_too_long_is_told_so(
    family: Family, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connect, "TURN", 0.2)
    waiting = pytest.raises(StoreError, match=r"cannot be used: .*(is locked|lock timeout)")
    with writing(family.store), waiting, writing(family.store):
        pass


@both
def test_an_error_in_a_transaction_undoes_it_and_stays_what_it_is(family: Family) -> None:
    def fail() -> None:
        with writing(family.store) as connection:
            connection.exec_driver_sql("DELETE FROM heads")
            raise ZeroDivisionError("ours")

    with pytest.raises(ZeroDivisionError, match="ours"):
        fail()
    assert Lineage(family.store).families() == ["toy"]
