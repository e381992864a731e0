"""What tests of all parts share."""

import os
from pathlib import Path

import pytest

from family.store import Store

#: Child processes import the toys from the tree; tiny models are fastest on one thread.
os.environ["PYTHONPATH"] = os.pathsep.join(
    filter(None, [str(Path(__file__).parent.parent), os.environ.get("PYTHONPATH")])
)
os.environ.setdefault("OMP_NUM_THREADS", "1")


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "store")
