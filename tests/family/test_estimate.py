"""What a plan costs."""

from pathlib import Path
from typing import Any

import pytest

from family.estimate import NOTHING, PACE, PlanReport, report
from family.load import load
from family.plan import Leaves, Planned, Step, plan, steps
from family.spec import Budget, FamilySpec, ModelShape, PruneStart
from family.stage import ModelFacts, Outcome
from family.store import Manifest, Origin
from tests.toys import LEAVES, changed, table

ROOT = Path(__file__).parents[2]
MB = 1e6


@pytest.fixture(scope="module")
def spec() -> FamilySpec:
    return load(ROOT / "configs/quickstart.yaml")


def planned(spec: FamilySpec) -> list[Planned]:
    found = steps(spec, Leaves(LEAVES.flagship, {"prompts": "p" * 64}), table())
    return plan(found, {}, lambda key: None, lambda manifest: [])


def estimated(spec: FamilySpec) -> PlanReport:
    return report(spec, planned(spec), lambda key: None)


def of(found: PlanReport, tier: str, stage: str) -> Any:
    return next(one.estimate for one in found.stages if (one.tier, one.stage) == (tier, stage))


def sealed(step: Step, seconds: float, shape: ModelShape, **facts: int) -> Manifest:
    """A manifest as an earlier build of this step would have left it."""
    model = ModelFacts(
        parameters=shape.parameters,
        architecture="llama",
        precision="fp32",
        shape=shape.model_dump(),
    )
    return Manifest(
        key=step.recipe.key,
        recipe=step.recipe.canonical,
        files={},
        outcome=Outcome(model=model, facts=facts),
        origin=Origin(
            family="toys", tier=step.tier, step=step.name, started="2026-01-01", seconds=seconds
        ),
    )


def test_the_quickstart_s_first_build_is_estimated_in_a_credible_range(spec: FamilySpec) -> None:
    total = estimated(spec).total
    assert total.minutes is not None
    assert total.disk_bytes is not None
    assert total.peak_memory_bytes is not None
    assert 5 < total.minutes < 60
    assert 1_000 * MB < total.disk_bytes < 5_000 * MB
    assert 1_000 * MB < total.peak_memory_bytes < 8_000 * MB


def test_the_total_adds_up_all_but_memory_of_which_it_takes_the_largest(spec: FamilySpec) -> None:
    found = estimated(spec)
    each = [stage.estimate for stage in found.stages]
    assert found.total.tokens == sum(one.tokens or 0 for one in each)
    assert found.total.disk_bytes == sum(one.disk_bytes or 0 for one in each)
    assert found.total.minutes == pytest.approx(sum(one.minutes or 0 for one in each), abs=0.01)
    assert found.total.peak_memory_bytes == max(one.peak_memory_bytes or 0 for one in each)


def test_training_twice_the_tokens_takes_about_twice_as_long(spec: FamilySpec) -> None:
    tier = next(iter(spec.tiers))
    once = changed(spec, f"tiers.{tier}.distill.tokens", 1_000_000)
    twice = changed(spec, f"tiers.{tier}.distill.tokens", 2_000_000)
    first, second = (of(estimated(one), tier, "distill") for one in (once, twice))
    assert (first.tokens, second.tokens) == (1_000_000, 2_000_000)
    fixed = PACE["distill"].fixed / 60
    assert second.minutes - fixed == pytest.approx(2 * (first.minutes - fixed), abs=0.02)


def test_an_int4_file_is_estimated_at_a_sixth_of_the_fp32_file(spec: FamilySpec) -> None:
    tier = next(iter(spec.tiers))
    found = estimated(spec)
    small, large = (of(found, tier, f"export:{one}").disk_bytes for one in ("int4", "fp32"))
    assert 0.12 < small / large < 0.25


def test_a_reused_stage_costs_nothing(spec: FamilySpec) -> None:
    reused = [Planned(one.step, "reused", "sealed") for one in planned(spec)]
    found = report(spec, reused, lambda key: None)
    assert {stage.estimate for stage in found.stages} == {NOTHING}
    assert found.total == NOTHING


def test_a_flagship_of_unknown_shape_is_not_guessed_at(spec: FamilySpec) -> None:
    found = estimated(changed(spec, "flagship.shape", None))
    tier = next(iter(spec.tiers))
    assert of(found, "", "prompts").minutes is not None
    for stage in ("start", "distill", "export:int4"):
        assert of(found, tier, stage).minutes is None
    assert found.total.minutes is None
    assert found.total.peak_memory_bytes is None


def test_a_flagship_that_was_opened_is_known_though_the_file_does_not_say(
    spec: FamilySpec,
) -> None:
    assert spec.flagship.shape
    unknown = changed(spec, "flagship.shape", None)
    step = next(one.step for one in planned(unknown) if one.step.name == "flagship")
    manifest = sealed(step, 10.0, spec.flagship.shape)
    found = report(
        unknown, planned(unknown), lambda key: manifest if key == step.recipe.key else None
    )
    assert found.total == estimated(spec).total


def test_prompts_of_a_file_that_was_not_read_yet_are_not_guessed_at(spec: FamilySpec) -> None:
    found = estimated(changed(spec, "prompts", {"kind": "file", "path": "/prompts.txt"}))
    assert of(found, "", "responses").tokens is None
    assert of(found, next(iter(spec.tiers)), "distill").tokens is not None


def test_earlier_builds_on_this_machine_set_the_pace(spec: FamilySpec) -> None:
    steps_by_id = {one.step.id: one.step for one in planned(spec)}
    start, distill = steps_by_id["mini/start"], steps_by_id["mini/distill"]
    assert spec.flagship.shape
    shape, tokens = spec.flagship.shape.model_copy(update={"layers": 16}), 250_000
    expected = PACE["distill"].seconds(shape.parameters * tokens)
    store = {
        start.recipe.key: sealed(start, 1.0, shape),
        distill.recipe.key: sealed(distill, 3 * expected, shape, tokens=tokens),
    }
    before = of(report(spec, planned(spec), store.get), "nano", "distill")
    found = report(spec, planned(spec), store.get, [store[distill.recipe.key]])
    assert found.calibrated == ("distill",)
    assert of(found, "nano", "distill").minutes == pytest.approx(3 * before.minutes, rel=0.02)


def test_the_report_survives_json(spec: FamilySpec) -> None:
    found = estimated(spec)
    assert PlanReport.model_validate_json(found.model_dump_json()) == found


def test_a_teacher_that_runs_along_takes_its_time_and_memory(spec: FamilySpec) -> None:
    live = estimated(changed(spec, "tiers.mini.distill.signal", "live"))
    before, after = (of(found, "mini", "distill") for found in (estimated(spec), live))
    flagship = spec.flagship.shape
    assert flagship
    seconds = flagship.parameters * spec.tiers["mini"].distill.tokens / 3 * PACE["distill"].rate
    assert after.minutes - before.minutes == pytest.approx(seconds / 60, abs=0.02)
    assert after.peak_memory_bytes - before.peak_memory_bytes == 2 * flagship.parameters


def test_an_assistant_is_suggested_where_the_step_from_the_teacher_is_large(
    spec: FamilySpec,
) -> None:
    assert {one.tier for one in estimated(spec).assistants} <= set(spec.tiers)
    steep = changed(spec, "tiers.mini.start.shape", {"layers": 4})
    (found,) = [one for one in estimated(steep).assistants if one.tier == "mini"]
    assert (found.teacher, found.tokens) == ("flagship", spec.tiers["mini"].distill.tokens)
    assert found.times > 2
    assert found.minutes > 0


def test_a_budget_s_expected_shape_is_what_is_estimated(spec: FamilySpec) -> None:
    start = PruneStart(kind="prune", budget=Budget(params=30_000_000))
    tiers = {**spec.tiers, "mini": spec.tiers["mini"].model_copy(update={"start": start})}
    found = estimated(spec.model_copy(update={"tiers": tiers}))
    assert of(found, "mini", "start").disk_bytes == pytest.approx(120 * MB, rel=0.1)
