import shutil
from pathlib import Path

import pytest

from family.release.freeze import release
from family.release.signature import new_key
from family.release.signing import sign
from family.store import Store
from tests.family.lineage.hand_built import Family, add_family


@pytest.fixture
def family(tmp_path: Path) -> Family:
    """A store with a whole family in it, which nobody has released yet."""
    made = Family(Store(tmp_path / "store"))
    add_family(made)
    return made


@pytest.fixture(scope="session")
def signed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a key pair and a store, whose family is released as 1.0.0 and signed."""
    folder = tmp_path_factory.mktemp("signed")
    made = Family(Store(folder / "store"))
    add_family(made)
    release(made.store, "toy", "1.0.0", by="Ada")
    new_key(folder / "key.pem", str)
    sign(made.store, "toy", "1.0.0", folder / "key.pem", str)
    return folder


@pytest.fixture
def released(signed: Path, tmp_path: Path) -> Store:
    """A copy of the store to tamper with."""
    shutil.copytree(signed / "store", tmp_path / "released")
    return Store(tmp_path / "released")
