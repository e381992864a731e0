"""Two releases of a family: nano was made anew and is worse, edge follows from it and is better."""

import shutil
from dataclasses import dataclass
from pathlib import Path

import pytest

from family.lineage.queries import Lineage
from family.release.decide import approve, waive
from family.release.freeze import release
from family.store import Origin, Store
from tests.family.lineage.hand_built import Family, add_family, add_tier

NANO, EDGE = 30_000_000, 15_000_000


@dataclass
class OnMachine(Family):
    """A family whose steps are made on a machine that is recorded, unless it is None."""

    machine: str | None = "EPYC"

    def _origin(self, tier: str, step: str, key: str) -> Origin:
        origin = super()._origin(tier, step, key)
        known = {"processor": self.machine} if self.machine else {}
        environment = {**origin.environment, **known}
        return origin.model_copy(update={"environment": environment, "energy_joules": 30.0})


def copy(family: OnMachine, folder: Path) -> OnMachine:
    """The family in a store of its own, which is quicker than to make it anew."""
    shutil.copytree(family.store.root, folder)
    return OnMachine(Store(folder), heads=dict(family.heads), kept=dict(family.kept))


@pytest.fixture(scope="session")
def once(tmp_path_factory: pytest.TempPathFactory) -> OnMachine:
    """A family with the release 1.0.0, to copy."""
    family = OnMachine(Store(tmp_path_factory.mktemp("once") / "store"))
    add_family(family)
    release(family.store, "toy", "1.0.0", by="Ada")
    return family


@pytest.fixture
def family(once: OnMachine, tmp_path: Path) -> OnMachine:
    """A family with the release 1.0.0."""
    return copy(once, tmp_path / "store")


def _release_again(family: Family) -> None:
    """1.1.0, with its approval and a waiver."""
    add_tier(family, "nano", NANO, 0.60, parent="mini/distill", turn=" again")
    add_tier(family, "edge", EDGE, 0.70, parent="nano/distill", teacher="mini/distill")
    family.end()
    release(family.store, "toy", "1.1.0", by="Ada", note="A smaller nano | for now.")
    approve(family.store, "toy", "1.1.0", by="Grace", reason="good enough")
    waive(family.store, "toy", "1.1.0", "Apache-2.0/licence-text", by="Grace", reason="in the app")


@pytest.fixture(scope="session")
def twice(once: OnMachine, tmp_path_factory: pytest.TempPathFactory) -> Lineage:
    """The two releases, made once for the tests that only read."""
    family = copy(once, tmp_path_factory.mktemp("twice") / "store")
    _release_again(family)
    return Lineage(family.store)
