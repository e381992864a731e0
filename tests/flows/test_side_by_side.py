"""Builds whose steps run side by side, in every task runner."""

import json
import os
import sys
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from family.errors import DescentError
from family.load import load
from family.spec import FamilySpec
from family.store import Store
from flows.build import IncompleteError, build
from tests.flows import runs, table
from tests.flows.family import changed
from tests.flows.lasting import ROOT
from tests.flows.test_build import UNMET

ENDLESS = {"distill": {"tokens": table.ENDLESS}}


def spec(path: Path, **tiers: dict[str, Any]) -> Callable[..., FamilySpec]:
    """The family of toys, once it is told how it runs."""

    def running(**running: Any) -> FamilySpec:
        path.write_text(json.dumps({**changed(**tiers), "running": running}))
        return load(path)

    return running


@pytest.fixture
def workers(server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Processes that are started meanwhile have the stages of toys."""
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(ROOT / "tests/flows/site"), str(ROOT)]))


@pytest.mark.usefixtures("workers")
@pytest.mark.parametrize(
    ("runner", "package"),
    [("processes", "prefect"), ("dask", "prefect_dask"), ("ray", "prefect_ray")],
)
def test_every_task_runner_makes_the_same(
    built: Path, tmp_path: Path, runner: str, package: str
) -> None:
    if not find_spec(package):
        pytest.skip(f"{package} is not installed: pip install 'descent-family[{runner}]'")
    asked = spec(tmp_path / "toys.yaml")(runner=runner, heavy=2)
    build(asked, tmp_path / "store")
    made = {one.key: one.digest for one in Store(tmp_path / "store").manifests()}
    assert made == {one.key: one.digest for one in Store(built).manifests()}
    run = runs.last("Build toys")
    below = runs.below(run)
    assert {tier.state_name for tier in below.values()} == {"Completed"}
    assert set(runs.stages(below["edge"], 8)["Distil edge"].tags) == {"toys", "distill"}


def test_a_runner_whose_extra_is_missing_says_what_to_install(
    server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "prefect_dask.task_runners", None)
    with pytest.raises(DescentError, match=r"pip install 'descent-family\[dask\]'"):
        build(spec(tmp_path / "toys.yaml")(runner="dask"), tmp_path / "store")


def test_a_missed_gate_stops_what_was_begun_ahead_of_it_and_keeps_what_that_sealed(
    server: str, tmp_path: Path
) -> None:
    mini = {**UNMET, "evaluate": {"resamples": table.PATIENT}}
    asked = spec(tmp_path / "toys.yaml", mini=mini, nano=ENDLESS)
    with pytest.raises(IncompleteError, match="nano is held back, since it builds on mini"):
        build(asked(), tmp_path / "store")
    states = {name: tier.state_name for name, tier in runs.below(runs.last("Build toys")).items()}
    assert states == {"mini": "Failed", "nano": "Held back", "edge": "Completed"}
    store = Store(tmp_path / "store")
    assert "start" in [one.origin.step for one in store.manifests() if one.origin.tier == "nano"]
    assert not [step for step in store.head("toys") if step.startswith("nano/")]


def test_a_build_that_works_nothing_ahead_begins_nothing_before_the_verdict(
    server: str, tmp_path: Path
) -> None:
    asked = spec(tmp_path / "toys.yaml", mini=UNMET)
    with pytest.raises(IncompleteError, match="nano is held back, since it builds on mini"):
        build(asked(ahead=False), tmp_path / "store")
    assert "nano" not in {one.origin.tier for one in Store(tmp_path / "store").manifests()}


def test_the_timeline_of_a_build_is_a_picture_among_its_artifacts(built: Path) -> None:
    found = runs.artifact("toys-timeline")
    assert found.type == "image"
    assert str(found.description).startswith("toys: ")
