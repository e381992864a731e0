from pathlib import Path

import pytest

from family.store import Store
from tests.family.lineage.hand_built import Family, add_family


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "store")


@pytest.fixture
def family(store: Store) -> Family:
    """A store with a whole family in it."""
    made = Family(store)
    add_family(made)
    return made


@pytest.fixture(scope="session")
def told(tmp_path_factory: pytest.TempPathFactory) -> Family:
    """The same family, made once for the tests that only read."""
    made = Family(Store(tmp_path_factory.mktemp("told") / "store"))
    add_family(made)
    return made
