"""Families in stores, with their index on SQLite; on PostgreSQL too in tests marked `both`."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import delete

from family.lineage import tables
from family.lineage.connect import VARIABLE
from family.lineage.database import reading, writing
from family.store import Store
from tests.family.lineage.hand_built import Family, add_family
from tests.postgres import Server

#: Of a database that has the tables and no rows, and of one that is the index of `told`.
Templates = dict[str, str]


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


@pytest.fixture(scope="session")
def templates(
    postgres: Server, told: Family, tmp_path_factory: pytest.TempPathFactory
) -> Templates:
    """Databases to copy, which is quicker than to migrate and to fill."""
    found = {"empty": postgres.create(), "told": postgres.create()}
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(VARIABLE, postgres.url(found["told"]))
        with reading(told.store):
            pass
        patch.setenv(VARIABLE, postgres.url(found["empty"]))
        with writing(Store(tmp_path_factory.mktemp("nobody"))) as connection:
            connection.execute(delete(tables.store))
    return found


@pytest.fixture
def index(
    kind: str, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> Callable[[str], None]:
    """Gives the test's store an index of its own: a copy of a template."""
    if kind == "sqlite":
        return lambda template: None
    server: Server = request.getfixturevalue("postgres")
    templates: Templates = request.getfixturevalue("templates")

    def index(template: str) -> None:
        monkeypatch.setenv(VARIABLE, server.url(server.create(templates.get(template, template))))

    return index


@pytest.fixture
def store(tmp_path: Path, index: Callable[[str], None]) -> Store:
    index("empty")
    return Store(tmp_path / "store")


@pytest.fixture
def family(told: Family, tmp_path: Path, index: Callable[[str], None]) -> Family:
    """A copy of `told`, for tests that write."""
    shutil.copytree(told.store.root, tmp_path / "store")
    index("told")
    return Family(Store(tmp_path / "store"), told.name, dict(told.heads), dict(told.kept))
