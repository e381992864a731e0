"""The family as Prefect sees it, on a real server."""

import json
import re
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from prefect.client.schemas.objects import FlowRun

from family.errors import StoreError
from family.lineage.queries import Lineage
from family.load import load
from family.spec import FamilySpec
from family.store import Store
from flows.build import IncompleteError, build
from tests.flows import runs, table
from tests.flows.family import changed
from tests.flows.table import titles

SpecOf = Callable[..., FamilySpec]
SHARED = ["flagship", "prompts", "about", "notices", "responses", "corpus", "signal"]
TIER = ["start", "distill", "evaluate", "export fp32", "export int8", "export int4"]
TIER += ["verify", "gate"]
UNMET = {"gate": {"bounds": [{"metric": "kl", "max": 0.25}, {"metric": "agreement", "min": 0.6}]}}


@pytest.fixture(scope="module")
def again(built: Path) -> Path:
    """The store after a second build."""
    build(load(built.parent / "toys.yaml"), built)
    return built


def test_the_family_is_a_flow_each_tier_a_subflow_and_each_stage_a_task(built: Path) -> None:
    shared, *tiers = titles(load(built.parent / "toys.yaml")).items()
    run = runs.last("Build toys")
    assert run.state_name == "Completed"
    assert sorted(runs.stages(run, len(shared[1]))) == shared[1]
    below = runs.below(run)
    assert below.keys() == {"mini", "nano", "edge"} == dict(tiers).keys()
    for tier, names in tiers:
        assert sorted(runs.stages(below[tier], len(names))) == names
        assert f"Export {tier} as int4" in names


def test_runs_are_tagged_with_family_and_tier_or_stage(built: Path) -> None:
    edge = runs.below(runs.last("Build toys"))["edge"]
    assert set(edge.tags) == {"toys", "edge"}
    assert set(runs.stages(edge, 8)["Distil edge"].tags) == {"toys", "distill"}


def test_a_tiers_run_shows_its_own_steps_and_no_more(built: Path) -> None:
    shown = runs.below(runs.last("Build toys"))["edge"].parameters["steps"]
    assert {step["tier"] for step in shown} == {"edge"}
    assert len(shown) == 8


def test_the_flow_takes_the_spec_itself(built: Path) -> None:
    parameters = runs.last("Build toys").parameters
    assert FamilySpec.model_validate(parameters["spec"]) == load(built.parent / "toys.yaml")
    assert build.parameters.model_dump()["definitions"]["FamilySpec"]["properties"]["tiers"]


def test_a_second_build_reuses_every_stage_and_says_so(again: Path) -> None:
    expected = titles(load(again.parent / "toys.yaml"))
    run = runs.last("Build toys")
    found = runs.stages(run, len(expected.pop("")))
    for tier, names in expected.items():
        found |= runs.stages(runs.below(run)[tier], len(names))
    assert {stage.state_name for stage in found.values()} == {"Reused"}


def test_progress_shows_while_a_stage_reports(built: Path) -> None:
    bar = runs.artifact("toys-edge-distill")
    assert (bar.type, bar.data) == ("progress", 100)
    assert re.fullmatch(
        r"Distil edge: 2 of 2 steps, loss 0.25, [\d,.]+ steps/s", str(bar.description)
    )


def test_the_scorecard_is_a_table_and_the_notes_are_markdown(built: Path) -> None:
    card, notes = runs.artifact("toys-scorecard"), runs.artifact("toys-notes")
    assert card.type == "table"
    assert json.loads(str(card.data))[0]["model"] == "flagship"
    assert notes.type == "markdown"
    assert f"The report: `{(built / 'reports/toys/report.html').as_uri()}`" in str(notes.data)
    assert "# Release notes: toys" in str(notes.data)


def test_the_reports_lie_in_the_store(built: Path) -> None:
    reports = {path.name for path in (built / "reports/toys").iterdir()}
    assert reports == {"scorecard.md", "notes.md", "map.png", "report.html"}


def test_lineage_names_the_prefect_run_that_made_a_model(built: Path) -> None:
    made = Lineage(Store(built)).show("toys/edge").prefect_run_id
    assert made in {str(run.id) for run in runs.every("Build edge")}


@dataclass(frozen=True)
class Missed:
    """A build of the built family with a bound that mini misses."""

    store: Store
    before: dict[str, str]
    error: IncompleteError
    run: FlowRun


@pytest.fixture(scope="module")
def missed(again: Path, tmp_path_factory: pytest.TempPathFactory) -> Missed:
    root = tmp_path_factory.mktemp("missed")
    store = Store(shutil.copytree(again, root / "store"))
    before = store.head("toys")
    (root / "toys.yaml").write_text(json.dumps(changed(mini=UNMET)))
    with pytest.raises(IncompleteError, match="mini missed its gate") as caught:
        build(load(root / "toys.yaml"), store.root)
    return Missed(store, before, caught.value, runs.last("Build toys"))


def test_a_missed_gate_says_which_bound_by_how_much_and_who_is_held_back(missed: Missed) -> None:
    assert str(missed.error).splitlines() == [
        "mini missed its gate: kl at most 0.25, measured 0.31: missed by 0.06",
        "nano is held back, since it builds on mini",
    ]
    assert missed.error.exit_code == 3


def test_a_missed_gate_holds_back_what_descends_from_the_tier_and_nothing_else(
    missed: Missed,
) -> None:
    states = {name: tier.state_name for name, tier in runs.below(missed.run).items()}
    assert states == {"mini": "Failed", "nano": "Held back", "edge": "Completed"}
    assert missed.run.state_name == "Failed"


def test_a_missed_gate_keeps_the_tiers_work_and_shows_the_verdicts(missed: Missed) -> None:
    tiers = {tier.tier: tier for tier in Lineage(missed.store).status("toys").tiers}
    gate = tiers["mini"].gate
    assert gate
    assert not gate.passed
    assert len(tiers["mini"].files) == 3
    rows = json.loads(str(runs.artifact("toys-mini-gate").data))
    assert [row["verdict"] for row in rows] == ["missed", "passed"]


def test_a_failed_stage_holds_back_what_descends_from_its_tier_and_nothing_else(
    again: Path, tmp_path: Path
) -> None:
    store = Store(shutil.copytree(again, tmp_path / "store"))
    changes = {"mini": {"distill": {"tokens": table.BROKEN}}, "edge": {"distill": {"seed": 7}}}
    (tmp_path / "toys.yaml").write_text(json.dumps(changed(**changes)))
    with pytest.raises(IncompleteError, match="three is not four") as caught:
        build(load(tmp_path / "toys.yaml"), store.root)
    told = str(caught.value).splitlines()
    assert told[0] == "mini · distill failed: ValueError: three is not four"
    assert told[-1] == "nano is held back, since it builds on mini"
    assert caught.value.exit_code == 1
    run = runs.last("Build toys")
    states = {name: tier.state_name for name, tier in runs.below(run).items()}
    assert states == {"mini": "Failed", "nano": "Held back", "edge": "Completed"}
    assert run.state_name == "Failed"


def test_the_head_follows_each_step_and_keeps_those_not_reached(missed: Missed) -> None:
    now = missed.store.head("toys")
    assert now.keys() == missed.before.keys()
    assert [step for step in now if now[step] != missed.before[step]] == ["mini/gate"]


def test_the_head_forgets_a_tier_that_the_family_no_longer_has(built: Path, tmp_path: Path) -> None:
    store = Store(shutil.copytree(built, tmp_path / "store"))
    raw = changed()
    del raw["tiers"]["edge"]
    (tmp_path / "toys.yaml").write_text(json.dumps(raw))
    build(load(tmp_path / "toys.yaml"), store.root)
    assert not [step for step in store.head("toys") if step.startswith("edge/")]
    assert {tier.tier for tier in Lineage(store).status("toys").tiers} == {"mini", "nano"}


def test_a_build_that_must_not_wait_refuses_a_store_that_is_held(
    server: str, spec_of: SpecOf, tmp_path: Path
) -> None:
    store = Store(tmp_path / "store")
    with (
        store.lock("toys"),
        pytest.raises(StoreError, match=r"held by another build \(process \d+\)"),
    ):
        build(spec_of(), store.root, wait=False)


def test_a_stage_without_progress_leaves_no_bar(built: Path) -> None:
    assert runs.artifacts("toys-corpus") == []
