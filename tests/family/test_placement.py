"""Where a build's steps run, as a family file says it."""

import json
from pathlib import Path
from typing import Any, get_args

import pytest

from family.errors import SpecError
from family.load import load
from family.placement import HeavyStage
from family.plan import steps
from flows.stages import STAGES
from tests.flows.family import TOYS
from tests.toys import LEAVES, family


def loaded(path: Path, **settings: Any) -> None:
    path.write_text(json.dumps({**TOYS, **settings}))
    load(path)


def test_the_stages_that_a_pool_may_have_are_the_heavy_ones() -> None:
    assert set(get_args(HeavyStage)) == {name for name, stage in STAGES.items() if stage.heavy}


def test_only_what_measures_time_is_alone_on_its_machine() -> None:
    assert [name for name, stage in STAGES.items() if stage.alone] == ["verify"]


def test_moving_a_stage_to_a_pool_or_another_runner_rebuilds_nothing() -> None:
    moved = family(runs_on={"distill": "gpu"}, running={"runner": "dask", "heavy": 9})
    keys = [step.recipe.key for step in steps(moved, LEAVES, STAGES)]
    assert keys == [step.recipe.key for step in steps(family(), LEAVES, STAGES)]


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"runs_on": {"distil": "gpu"}}, r"runs_on\.distil: .*Did you mean `distill`\?"),
        ({"runs_on": {"gate": "cpu"}}, r"runs_on\.gate: `gate` is not one of .*`distill`"),
        ({"runs_on": {"distill": 3}}, r"runs_on\.distill: 3 stands where text is expected"),
        ({"running": {"runner": "rays"}}, r"running\.runner: .*Did you mean `ray`\?"),
        ({"running": {"heavy": 0}}, r"running\.heavy: 0 is out of bounds; it must be at least 1"),
        (
            {"running": {"address": "tcp://cluster:8786"}},
            r"running: `address` names a cluster, and threads have none\.",
        ),
    ],
)
def test_what_cannot_be_is_refused(tmp_path: Path, settings: dict[str, Any], told: str) -> None:
    with pytest.raises(SpecError, match=told):
        loaded(tmp_path / "toys.yaml", **settings)
