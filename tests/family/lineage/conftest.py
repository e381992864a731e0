"""Families in stores, with their index on SQLite; on PostgreSQL too in tests marked `both`."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from family.lineage.connect import VARIABLE
from family.lineage.database import reading
from family.store import Store
from tests.family.lineage.hand_built import Family, add_family
from tests.postgres import Server


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "both: runs on SQLite and on PostgreSQL")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "kind" in metafunc.fixturenames and metafunc.definition.get_closest_marker("both"):
        metafunc.parametrize("kind", ["sqlite", "postgresql"], scope="session")


@pytest.fixture(scope="session")
def kind() -> str:
    """Which database the index is in."""
    return "sqlite"


@pytest.fixture(scope="session")
def told(tmp_path_factory: pytest.TempPathFactory) -> Family:
    """A store with a whole family in it, made once for the tests that only read."""
    made = Family(Store(tmp_path_factory.mktemp("told") / "store"))
    add_family(made)
    return made


@pytest.fixture
def new_index(
    kind: str, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> Callable[[], None]:
    """Lets the index be in a new place from now on; on SQLite that is up to the store."""
    if kind == "sqlite":
        return lambda: None
    server: Server = request.getfixturevalue("postgres")
    return lambda: monkeypatch.setenv(VARIABLE, server.url(server.create()))


@pytest.fixture
def store(tmp_path: Path, new_index: Callable[[], None]) -> Store:
    new_index()
    return Store(tmp_path / "store")


@pytest.fixture
def family(told: Family, tmp_path: Path, new_index: Callable[[], None]) -> Family:
    """A copy of `told`, for tests that write."""
    shutil.copytree(told.store.root, tmp_path / "store")
    new_index()
    store = Store(tmp_path / "store")
    with reading(store):  # which fills an index that is new
        return Family(store, told.name, dict(told.heads), dict(told.kept))
