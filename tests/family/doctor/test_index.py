"""Indexes that are as they should be, old, damaged, another store's, or out of reach."""

import shutil
import socket
from pathlib import Path

import pytest
from sqlalchemy import text

from family.doctor.findings import Finding
from family.doctor.index import filesystem, index, on_disk
from family.lineage.connect import VARIABLE, engine, url
from family.store import Store
from tests.family.lineage.hand_built import Family, add_family, add_flagship
from tests.postgres import PASSWORD, Server


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Family:
    family = Family(Store(tmp_path_factory.mktemp("told") / "store"))
    add_family(family)
    return family


@pytest.fixture
def copy(told: Family, tmp_path: Path) -> Store:
    shutil.copytree(told.store.root, tmp_path / "store")
    return Store(tmp_path / "store")


def found(store: Store) -> dict[str, Finding]:
    return {one.check: one for one in index(store)}


def as_schema(store: Store, version: str) -> None:
    with engine(url(store)).execution_options(writes=True).begin() as connection:
        connection.execute(text(f"UPDATE alembic_version SET version_num = '{version}'"))


def test_an_index_of_today_that_has_what_the_store_has_is_well(told: Family) -> None:
    seen = found(told.store)
    assert list(seen) == ["disk", "database", "schema", "agreement"]
    assert {one.status for one in seen.values()} == {"ok"}


def test_an_index_that_nobody_asked_yet_is_no_fault_and_is_not_made(store: Store) -> None:
    assert found(store)["database"].status == "ok"
    assert not (store.root / "lineage.db").exists()


def test_an_old_schema_is_told_and_left_as_it_is(copy: Store) -> None:
    as_schema(copy, "0002")
    for _ in range(2):
        seen = found(copy)
        assert seen["schema"].status == "warn"
        assert seen["schema"].found == "0002, and 0003 is the newest"
        assert "descent status" in seen["schema"].fix


def test_the_schema_of_a_newer_descent_is_a_fault(copy: Store) -> None:
    as_schema(copy, "9999")
    assert found(copy)["schema"].fix.startswith("Upgrade descent-family")


def test_a_damaged_file_is_a_fault_that_the_store_can_mend(copy: Store) -> None:
    (copy.root / "lineage.db").write_bytes(b"nonsense" * 1000)
    seen = found(copy)["database"]
    assert "file is not a database" in seen.found
    assert "delete it; the next command rebuilds it from the store" in seen.fix


def test_an_artifact_that_only_the_index_has_is_told(told: Family, copy: Store) -> None:
    shutil.rmtree(copy.folder(told.heads["edge/export:int4"]))
    seen = found(copy)["agreement"]
    assert seen.status == "fail"
    assert seen.found.startswith(f"toy/edge/int4: {copy.root} no longer has its artifact")
    assert "descent build CONFIG" in seen.fix


def test_the_index_of_another_store_is_told(
    told: Family, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(VARIABLE, f"sqlite:///{told.store.root / 'lineage.db'}")
    seen = found(Store(tmp_path / "other"))["agreement"]
    assert "this is the lineage index of another store" in seen.found
    assert "reindex --take-over" in seen.fix


def test_sqlite_on_a_network_file_system_is_told(tmp_path: Path) -> None:
    assert on_disk(tmp_path / "lineage.db", filesystem(tmp_path)).status == "ok"
    seen = on_disk(tmp_path / "lineage.db", "nfs4")
    assert seen.status == "warn"
    assert "is on nfs4, a network file system" in seen.found
    assert f"{VARIABLE}=postgresql://" in seen.fix


def test_the_kind_of_file_system_is_that_of_the_nearest_mount() -> None:
    assert filesystem(Path("/proc/self")) == "proc"
    assert filesystem(Path("/sys/kernel")) == "sysfs"


# ---- on a server ---------------------------------------------------------------------------


def test_an_index_on_postgresql_is_well(
    postgres: Server, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(VARIABLE, postgres.url_with_password(postgres.create()))
    assert found(store)["schema"].found.startswith("none yet")
    family = Family(store)
    add_flagship(family)
    family.end()
    seen = found(store)
    assert list(seen) == ["database", "schema", "agreement"]
    assert {one.status for one in seen.values()} == {"ok"}
    assert PASSWORD not in seen["database"].found


def test_a_server_that_is_down_is_told_without_its_password(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("psycopg", reason="psycopg is not installed: pip install -e '.[postgres]'")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    monkeypatch.setenv(VARIABLE, f"postgresql://me:sesame@127.0.0.1:{port}/db")
    seen = found(store)["database"]
    assert seen.status == "fail"
    assert seen.found.startswith(f"postgresql+psycopg://me:***@127.0.0.1:{port}/db: the lineage")
    assert seen.fix.startswith("Start the server")


def test_an_address_that_cannot_be_meant_is_told(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(VARIABLE, "lineage.db")
    assert found(store)["database"].found.startswith(f"{VARIABLE} is no address")
