"""A family file on hardware that is not here."""

from pathlib import Path
from time import perf_counter
from typing import Any

import pytest

from family.errors import DescentError, SpecError
from family.load import load
from family.scale.costs import Sharding
from family.scale.hardware import hardware
from family.scale.planner import plan_on
from family.scale.report import ScaledPlan, ScaledStage
from family.spec import FamilySpec
from flows.stages import STAGES
from tests.toys import changed, family

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def spec() -> FamilySpec:
    return load(ROOT / "configs/at-scale.yaml")


def planned(
    spec: FamilySpec,
    where: str = "h100x8",
    *,
    sharding: Sharding | None = None,
    corpus_tokens: int | None = None,
) -> ScaledPlan:
    return plan_on(spec, STAGES, hardware(where), sharding=sharding, corpus_tokens=corpus_tokens)


def of(plan: ScaledPlan, tier: str, stage: str) -> ScaledStage:
    return next(one for one in plan.stages if (one.tier, one.stage) == (tier, stage))


def test_a_family_that_is_nowhere_is_planned_in_under_a_second(spec: FamilySpec) -> None:
    began = perf_counter()
    plan = planned(spec)
    assert perf_counter() - began < 1
    assert 500 < plan.gpu_hours < 5_000
    assert plan.hours > plan.gpu_hours / 8
    assert all(one.memory_bytes < 72e9 for one in plan.stages if one.devices)


def test_forty_tiers_are_planned_in_under_a_second(spec: FamilySpec) -> None:
    tiers = {f"t{number}": spec.tiers["edge"] for number in range(40)}
    for tier in tiers.values():
        assert tier.teacher == "flagship"
    start = spec.tiers["mini"].start
    many = {name: tier.model_copy(update={"start": start}) for name, tier in tiers.items()}
    began = perf_counter()
    assert len(planned(spec.model_copy(update={"tiers": many})).stages) > 300
    assert perf_counter() - began < 1


def test_the_hours_of_all_stages_add_up(spec: FamilySpec) -> None:
    plan = planned(spec)
    assert plan.gpu_hours == pytest.approx(sum(one.gpu_hours for one in plan.stages), abs=0.01)
    assert plan.signal_bytes == sum(one.disk_bytes for one in plan.stages if one.stage == "signal")


def test_exports_of_one_tier_run_while_the_next_is_distilled(spec: FamilySpec) -> None:
    plan = planned(spec)
    export, distill = of(plan, "mini", "export:int4"), of(plan, "nano", "distill")
    assert distill.starts < export.starts < distill.starts + distill.hours
    assert distill.critical
    assert not export.critical


def test_the_critical_path_leads_from_the_first_step_to_the_end(spec: FamilySpec) -> None:
    plan = planned(spec)
    ends = {f"{one.tier}/{one.stage}": one.starts + one.hours for one in plan.stages}
    assert plan.critical_path[0] == "/flagship"
    assert ends[plan.critical_path[-1]] == pytest.approx(plan.hours, abs=0.01)
    assert sum(one.hours for one in plan.stages if one.critical) == pytest.approx(
        plan.hours, abs=0.02
    )


def test_the_corpus_is_as_large_as_the_most_that_a_tier_sees_unless_told(spec: FamilySpec) -> None:
    assert "10,000,000,000 tokens, the most that a tier sees" in planned(spec).remarks[0]
    told = planned(spec, corpus_tokens=2_000_000_000)
    assert of(told, "", "signal").tokens == pytest.approx(2e9, rel=1e-3)
    assert told.signal_bytes == pytest.approx(planned(spec).signal_bytes / 5, rel=1e-3)


def test_a_stored_signal_is_read_once_and_a_teacher_in_the_loop_for_every_tier(
    spec: FamilySpec,
) -> None:
    loop = planned(spec).teacher_in_loop
    assert loop.loop_gpu_hours == pytest.approx(2.2 * loop.signal_gpu_hours, rel=0.01)
    assert loop.loop_memory_bytes == pytest.approx(2 * 8.03e9, rel=1e-3)


def test_devices_that_a_batch_leaves_idle_are_told(spec: FamilySpec) -> None:
    plan = planned(spec, "h100x64")
    assert of(plan, "mini", "distill").devices == 8
    assert "mini · distill keeps 8 of 64 devices busy" in "\n".join(plan.remarks)


def test_a_grammar_s_prompts_are_counted() -> None:
    quickstart = load(ROOT / "configs/quickstart.yaml")
    plan = planned(quickstart, "a100")
    assert plan.remarks == ()
    assert of(plan, "", "corpus").tokens < 1_000_000


# ---- what does not fit ---------------------------------------------------------------------


def test_ddp_that_does_not_fit_is_refused_with_what_does(spec: FamilySpec) -> None:
    short = changed(spec, "corpus.block", 1024)
    with pytest.raises(
        DescentError,
        match=r"at-scale does not fit on h100x8:\n  tiers.mini.distill: mini · distill takes "
        r"9\d\.\d GB of each h100 \(ddp\), which has room for 72.0 GB. It would fit with "
        r"`--sharding fsdp`; or .*; or `optimizer: adamw_8bit`; or `--hardware h200x8`\.",
    ):
        planned(short, sharding="ddp")


def test_one_device_too_few_is_refused_with_the_number_that_is_enough(spec: FamilySpec) -> None:
    with pytest.raises(DescentError, match=r"adamw_8bit` and `accumulate: 512`; or `--hardware h"):
        planned(spec, "h100")
    with pytest.raises(DescentError, match="`--hardware h100x2"):
        planned(spec, "h100")


def test_each_fix_that_is_told_does_fit(spec: FamilySpec) -> None:
    planned(spec, "h100x2")
    smaller = changed(spec, "tiers.mini.distill.optimizer", "adamw_8bit")
    planned(changed(smaller, "tiers.mini.distill.accumulate", 512), "h100")
    planned(spec, "h200")


def test_a_flagship_too_large_for_a_device_is_refused_with_a_larger_one(spec: FamilySpec) -> None:
    shape: Any = spec.flagship.shape
    large = shape.model_copy(update={"layers": 300})
    flagship = spec.flagship.model_copy(update={"shape": large})
    with pytest.raises(DescentError, match="does not fit on h100x8") as refused:
        planned(spec.model_copy(update={"flagship": flagship}))
    _, responses, signal, *_ = str(refused.value).splitlines()
    assert responses.endswith("No known kind and no one change is enough: make the model smaller.")
    assert signal.startswith("  signal: family · signal takes 135.9 GB of each h100")
    assert signal.endswith("It would fit with `--hardware b200x8`.")


def test_a_flagship_without_a_shape_is_refused() -> None:
    with pytest.raises(SpecError, match=r"flagship\.shape: missing, and nothing is fetched"):
        planned(family())
