"""A real Prefect server, started once, and a family of toys built once."""

import json
import os
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

# Before Prefect is imported: a database of the tests' own, and no server of the user's.
os.environ["PREFECT_HOME"] = tempfile.mkdtemp(prefix="descent-tests-prefect-")
os.environ.pop("PREFECT_API_URL", None)

from family.load import load
from family.spec import FamilySpec
from flows import stages
from flows.server import prefect_api
from tests.flows import table
from tests.flows.family import TOYS, changed
from tests.flows.lasting import Lasting, lasting

FamilyFile = Callable[..., Path]


@pytest.fixture
def family_file(tmp_path: Path) -> FamilyFile:
    """Writes the family of toys, with changed tiers if asked for."""

    def write(**tiers: dict[str, Any]) -> Path:
        path = tmp_path / "toys.yaml"
        path.write_text(json.dumps(changed(**tiers)))  # JSON is YAML
        return path

    return write


@pytest.fixture
def spec_of(family_file: FamilyFile) -> Callable[..., FamilySpec]:
    return lambda **tiers: load(family_file(**tiers))


@pytest.fixture(scope="session")
def server() -> Iterator[str]:
    """The address of a Prefect server that lasts for all tests."""
    with prefect_api():
        yield os.environ["PREFECT_API_URL"]


@pytest.fixture(scope="module", autouse=True)
def _toys() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(stages, "STAGES", table.STAGES)
        yield


@pytest.fixture(scope="session")
def built(server: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store in which the family of toys was built."""
    from flows.build import build

    root = tmp_path_factory.mktemp("built")
    (root / "toys.yaml").write_text(json.dumps(TOYS))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(stages, "STAGES", table.STAGES)
        build(load(root / "toys.yaml"), root / "store")
    return root / "store"


@pytest.fixture(scope="session")
def lasting_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lasting]:
    """A Prefect server with its interface and its services, which lasts for all tests."""
    with lasting(tmp_path_factory.mktemp("lasting")) as made:
        yield made
