from pathlib import Path

import pytest

from family.store import Store
from tests.family.lineage.hand_built import Family, add_family


@pytest.fixture
def family(tmp_path: Path) -> Family:
    """A store with a whole family in it, which nobody has released yet."""
    made = Family(Store(tmp_path / "store"))
    add_family(made)
    return made
