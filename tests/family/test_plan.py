"""What is stale, and why.

mini ── edge
nano
"""

import shutil
import time
from dataclasses import replace
from pathlib import Path

import pytest

from family.plan import Leaves, plan, steps
from family.spec import FamilySpec
from family.store import Store
from tests.toys import LEAVES, build, changed, family, planned, stale, table

#: What follows from a tier's distillation within the tier.
AFTER_DISTILL = {
    "evaluate",
    "export:fp32",
    "export:int8",
    "export:int4",
    "verify",
    "gate",
}


def tier_steps(tier: str, *names: str) -> set[str]:
    return {f"{tier}/{name}" for name in (names or {"start", "distill", *AFTER_DISTILL})}


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Store:
    """A store with the whole toy family in it; only for reading."""
    store = Store(tmp_path_factory.mktemp("built") / "store")
    build(family(), store)
    return store


def test_a_family_that_was_never_built_is_stale_for_that_reason(store: Store) -> None:
    assert set(stale(family(), store).values()) == {"never built"}


def test_a_family_that_was_built_is_reused(built: Store) -> None:
    assert stale(family(), built) == {}


def test_the_keys_are_known_before_anything_runs(built: Store) -> None:
    keys = {step.id: step.recipe.key for step in steps(family(), LEAVES, table())}
    assert built.head("toys") == keys
    assert {manifest.key for manifest in built.manifests()} == set(keys.values())


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("tiers.nano.description", "other words"),
        ("tiers.nano.distill.checkpoint_steps", 5),
    ],
)
def test_rewording_rebuilds_nothing(built: Store, path: str, value: object) -> None:
    assert stale(changed(family(), path, value), built) == {}


@pytest.mark.parametrize("path", ["description", "flagship.name", "flagship.licence"])
def test_a_word_about_the_family_renews_the_record_of_words_alone(built: Store, path: str) -> None:
    found = stale(changed(family(), path, "other words"), built)
    assert found.pop("/about").startswith(f"{path}: ")
    assert found == {"/notices": "family · about changed"}


def test_moving_the_flagship_to_another_place_rebuilds_nothing(built: Store) -> None:
    source = {"kind": "pypi", "requirement": "x==1", "member": "x.gguf", "sha256": "f" * 64}
    assert stale(changed(family(), "flagship.source", source), built) == {}


def test_a_setting_of_nano_marks_what_follows_in_nano_and_nothing_else(built: Store) -> None:
    found = stale(changed(family(), "tiers.nano.distill.tokens", 7), built)
    assert set(found) == tier_steps("nano", "distill", *AFTER_DISTILL)
    assert found["nano/distill"] == "tiers.nano.distill.tokens: 100000 → 7"
    assert found["nano/evaluate"] == "nano · distill changed"


@pytest.mark.parametrize("bond", ["tiers.edge.teacher", "tiers.edge.start.parent"])
def test_a_setting_of_nano_marks_edge_if_edge_builds_on_nano(store: Store, bond: str) -> None:
    spec = changed(family(), bond, "nano")
    build(spec, store)
    found = stale(changed(spec, "tiers.nano.distill.tokens", 7), store)
    untouched = set() if bond.endswith("parent") else {"edge/start"}
    taught = {"edge/signal"} if bond.endswith("teacher") else set()
    expected = tier_steps("nano", "distill", *AFTER_DISTILL) | tier_steps("edge") | taught
    assert set(found) == expected - untouched
    assert "nano · distill changed" in (found.get("edge/signal") or found["edge/start"])


def test_a_setting_of_nano_never_marks_mini(store: Store) -> None:
    spec = family({"mini": {}, "nano": {"teacher": "mini"}})
    build(spec, store)
    found = stale(changed(spec, "tiers.nano.distill.tokens", 7), store)
    assert {name.partition("/")[0] for name in found} == {"nano"}


@pytest.mark.parametrize(
    "asked",
    [{"signal": "live"}, {"loss": ({"kind": "cross_entropy"},)}],
    ids=["live", "no teacher"],
)
def test_a_signal_that_no_tier_reads_is_not_captured(asked: dict[str, object]) -> None:
    spec = family({"mini": {}, "nano": {"teacher": "mini"}, "edge": {"teacher": "mini"}})

    def captured(*tiers: str) -> set[str]:
        found = spec
        for tier in tiers:
            for name, value in asked.items():
                found = changed(found, f"tiers.{tier}.distill.{name}", value)
        return {one.id for one in steps(found, LEAVES, table()) if one.name == "signal"}

    assert captured() == {"/signal", "nano/signal", "edge/signal"}
    assert captured("mini") == {"nano/signal", "edge/signal"}
    assert captured("nano") == {"/signal", "edge/signal"}
    assert captured("mini", "nano", "edge") == set()


def test_a_trimmed_vocabulary_needs_the_signal_whoever_reads_it() -> None:
    live = changed(family({"mini": {}}), "tiers.mini.distill.signal", "live")
    trimmed = changed(live, "vocabulary", {"kind": "trimmed"})
    found = {one.id: one for one in steps(trimmed, LEAVES, table())}
    assert found["/vocabulary"].sources["signal"] == "/signal"
    assert "signal" not in found["mini/distill"].sources


SERVICE = {
    "kind": "endpoint",
    "url": "https://api.example.com/v1",
    "model": "large",
    "licence": "Apache-2.0",
}


def test_a_service_is_asked_by_prompts_alone_and_what_is_kept_of_it_is_a_step(
    store: Store,
) -> None:
    spec = family({"mini": {}}, responses=SERVICE)
    found = {one.id: one for one in steps(spec, LEAVES, table())}
    assert found["/responses"].sources == {"prompts": "/prompts"}
    assert found["/corpus"].sources["responses"] == "/kept"
    assert "generator" not in found["mini/distill"].sources
    build(spec, store)
    for path, value in [
        ("responses.key_env", "OTHER_KEY"),
        ("responses.concurrency", 2),
        ("responses.requests_per_minute", 60),
        ("responses.retries", 1),
        ("responses.prices", {"input_per_million": 1, "output_per_million": 2}),
    ]:
        assert stale(changed(spec, path, value), store) == {}
    shorter = stale(changed(spec, "responses.keep.shortest", 20), store)
    assert shorter["/kept"] == "responses.keep.shortest: 1 → 20"
    assert "/responses" not in shorter
    assert "/responses" in stale(changed(spec, "responses.model", "larger"), store)


def test_another_flagship_asks_a_service_for_nothing_again(store: Store) -> None:
    spec = family({"mini": {}}, responses=SERVICE)
    build(spec, store)
    other = steps(spec, Leaves(flagship="e" * 64), table())
    there = {one.id: store.manifest(one.recipe.key) is not None for one in other}
    assert there["/responses"]
    assert not there["/kept"]


def test_the_flagship_answers_where_nobody_is_named() -> None:
    spec = family(responses={"max_tokens": 7})
    assert spec.responses.kind == "flagship"
    assert spec.service is None


def test_a_bound_marks_the_gate_alone(built: Store) -> None:
    bound = {"metric": "kl", "max": 1.0}
    found = stale(changed(family(), "tiers.mini.gate.bounds", [bound]), built)
    assert set(found) == {"mini/gate"}
    assert found["mini/gate"].startswith("tiers.mini.gate.bounds: [] → [{")


def test_an_export_more_marks_itself_and_what_scores_it(store: Store) -> None:
    spec = family({"mini": {"export": ["fp32"]}})
    build(spec, store)
    found = stale(changed(spec, "tiers.mini.export", ["fp32", "int4"]), store)
    assert found.pop("/notices").startswith("notices.changes: ")
    assert found == {
        "mini/export:int4": "never built",
        "mini/verify": "mini · export int4 changed",
        "mini/gate": "mini · verify changed",
    }


def test_another_corpus_marks_all_that_was_made_of_it(built: Store) -> None:
    found = stale(changed(family(), "prompts.topics", ["a", "c"]), built)
    assert set(found) == set(planned(family(), built)) - {"/flagship"}
    assert found["/prompts"] == "prompts.topics: ['a', 'b'] → ['a', 'c']"


def test_another_flagship_marks_everything_but_prompts(built: Store) -> None:
    other = steps(family(), Leaves(flagship="0" * 64), table())
    heads = built.head("toys")
    same = [step.id for step in other if heads[step.id] == step.recipe.key]
    assert same == ["/prompts"]


def test_another_licence_text_marks_the_notices_alone(built: Store) -> None:
    other = steps(family(), replace(LEAVES, licence="0" * 64), table())
    heads = built.head("toys")
    assert [step.id for step in other if heads[step.id] != step.recipe.key] == ["/notices"]


@pytest.mark.parametrize("field", ["terms", "permission", "credit"])
@pytest.mark.parametrize("of", ["flagship", "prompts"])
def test_a_word_about_terms_rebuilds_no_model(built: Store, of: str, field: str) -> None:
    found = stale(changed(family(), f"{of}.{field}", "other words"), built)
    assert set(found) == {"/about", "/notices"}


def test_a_new_version_of_a_stage_marks_its_steps(built: Store) -> None:
    stages = table()
    stages["gate"] = replace(stages["gate"], version=2)
    found = plan(
        steps(family(), LEAVES, stages), built.head("toys"), built.manifest, lambda manifest: []
    )
    assert {one.step.id: one.reason for one in found if one.status == "stale"} == {
        f"{tier}/gate": "stage gate has version 2, was 1" for tier in ("mini", "nano", "edge")
    }


def test_going_back_to_an_earlier_setting_reuses_what_was_made_then(store: Store) -> None:
    before, after = family(), changed(family(), "tiers.nano.distill.tokens", 7)
    build(before, store)
    build(after, store)
    found = planned(before, store)
    assert {one.status for one in found.values()} == {"reused"}
    assert found["nano/distill"].reason == "sealed by an earlier build"


def test_an_artifact_that_is_gone_or_altered_is_stale(store: Store) -> None:
    build(family(), store)
    head = store.head("toys")
    shutil.rmtree(store.folder(head["nano/gate"]))
    (store.folder(head["mini/gate"]) / "toy.txt").write_text("short")
    assert stale(family(), store) == {
        "nano/gate": "its artifact is gone",
        "mini/gate": "its files differ: toy.txt has 5 bytes, not 64",
    }


def test_a_tier_that_keeps_the_vocabulary_has_no_step_for_it() -> None:
    full = {step.id for step in steps(family(), LEAVES, table())}
    trimmed = family(vocabulary={"kind": "trimmed"})
    assert {step.id for step in steps(trimmed, LEAVES, table())} - full == {"/vocabulary"}


def test_every_step_comes_after_what_it_needs() -> None:
    seen: set[str] = set()
    for step in steps(family(vocabulary={"kind": "trimmed"}), LEAVES, table()):
        assert set(step.sources.values()) <= seen
        seen.add(step.id)


def test_forty_tiers_are_planned_in_a_moment(store: Store) -> None:
    spec: FamilySpec = family({f"tier-{n}": {"distill": {"tokens": n + 1}} for n in range(40)})
    begun = time.process_time()
    assert len(planned(spec, store)) == 7 + 40 * 8
    assert time.process_time() - begun < 0.5


def test_planning_reads_no_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(Path, "open", lambda *args: pytest.fail("read a disk"))
    assert steps(family(), LEAVES, table())


ASKED = {"lm_eval": ["arc_easy", "lambada"]}


def test_the_flagship_is_asked_once_for_all_tiers_that_are_asked_the_same() -> None:
    other = {"lm_eval": {"tasks": ["arc_easy"], "few_shot": 5}}
    spec = family(
        {
            "mini": {"evaluate": ASKED},
            "nano": {"evaluate": {"lm_eval": {"tasks": ["arc_easy", "lambada"], "batch": 2}}},
            "edge": {"evaluate": other},
        }
    )
    found = {step.id: step for step in steps(spec, LEAVES, table())}
    of_flagship = [name for name in found if name.startswith("/capabilities")]
    assert of_flagship == ["/capabilities", "/capabilities:edge"]
    for tier, reference in zip(("mini", "nano", "edge"), (0, 0, 1), strict=True):
        for about in ("model", "fp32", "int8", "int4"):
            step = "capabilities" if about == "model" else f"capabilities:{about}"
            source = f"{tier}/distill" if about == "model" else f"{tier}/export:{about}"
            sources = found[f"{tier}/{step}"].sources
            assert sources == {about: source, "reference": of_flagship[reference]}
            assert found[f"{tier}/gate"].sources[step] == f"{tier}/{step}"


def test_all_that_is_of_no_tier_stands_before_the_tiers() -> None:
    spec = family({"mini": {"evaluate": ASKED}, "nano": {"evaluate": ASKED}})
    tiers = [step.tier for step in steps(spec, LEAVES, table())]
    assert tiers == sorted(tiers, key=["", "mini", "nano"].index)


def test_asking_a_tier_marks_what_asks_and_the_gate_and_nothing_else(store: Store) -> None:
    spec = family({"mini": {"export": ["int4"]}})
    build(spec, store)
    asked = family({"mini": {"export": ["int4"], "evaluate": ASKED}})
    assert set(stale(asked, store)) == {
        "/capabilities",
        "mini/capabilities",
        "mini/capabilities:int4",
        "mini/gate",
    }


def test_another_harness_or_other_task_files_mark_what_asks() -> None:
    spec = family({"mini": {"evaluate": {"lm_eval": {"tasks": ["own"], "include": "/tasks"}}}})
    keys = [
        {step.id: step.recipe.key for step in steps(spec, leaves, table())}
        for leaves in (
            replace(LEAVES, harness="1" * 64, tasks={"/tasks": "a" * 64}),
            replace(LEAVES, harness="2" * 64, tasks={"/tasks": "a" * 64}),
            replace(LEAVES, harness="1" * 64, tasks={"/tasks": "b" * 64}),
        )
    ]
    for changed_keys in keys[1:]:
        differ = {name for name in keys[0] if keys[0][name] != changed_keys[name]}
        assert {name.partition("/")[2].partition(":")[0] for name in differ} == {
            "capabilities",
            "gate",
        }
