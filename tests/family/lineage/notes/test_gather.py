"""What notes say of two releases, as data."""

import pytest

from family.lineage.notes import render
from family.lineage.notes.data import Finding, Notes
from family.lineage.notes.gather import gather
from family.lineage.notes.span import span
from family.lineage.queries import Lineage
from family.release.freeze import release
from family.stage import Outcome, Verdict
from tests.family.lineage.hand_built import add_tier
from tests.family.lineage.notes.conftest import EDGE, NANO, OnMachine


def noted(lineage: Lineage, between: str | None = None) -> Notes:
    return gather(lineage, *span(lineage, "toy", between))


def names(found: tuple[Finding, ...]) -> set[tuple[str, str]]:
    return {(one.of, one.figure.name) for one in found}


@pytest.fixture(scope="module")
def notes(twice: Lineage) -> Notes:
    return noted(twice, "1.0.0..1.1.0")


def test_a_figure_outside_its_earlier_interval_is_worse_or_better(notes: Notes) -> None:
    assert ("nano", "agreement") in names(notes.worse)
    assert ("edge", "agreement") in names(notes.better)
    agreement = next(one.figure for one in notes.worse if one.figure.name == "agreement")
    assert (agreement.before, agreement.value) == (0.69, 0.6)
    assert agreement.before_interval == pytest.approx((0.68, 0.70))
    assert agreement.change == pytest.approx(-0.09)


def test_lower_bits_per_byte_are_better(notes: Notes) -> None:
    assert ("nano", "bits_per_byte") in names(notes.worse)
    assert ("edge", "bits_per_byte") in names(notes.better)


def test_a_change_within_the_interval_is_neither(family: OnMachine) -> None:
    add_tier(family, "nano", NANO, 0.695, parent="mini/distill", turn=" again")
    found = noted(Lineage(family.store))
    assert not names(found.worse) | names(found.better)
    agreement = found.tiers[1].figure("agreement")
    assert agreement
    assert agreement.standing == "within"


def test_what_a_model_did_is_not_told_of_its_files_again(notes: Notes) -> None:
    assert ("nano/int4", "bits_per_byte") not in names(notes.worse)
    assert notes.tiers[1].files[0].figures[-1].standing == "worse"


def test_figures_of_other_protocols_are_not_compared(family: OnMachine) -> None:
    add_tier(family, "nano", NANO, 0.5, parent="mini/distill", turn=" again", how="another corpus")
    found = noted(Lineage(family.store))
    assert ("nano", "agreement") in names(found.apart)
    assert "nano" not in {one.of for one in (*found.worse, *found.better)}
    agreement = found.tiers[1].figure("agreement")
    assert agreement
    assert (agreement.before, agreement.why) == (None, "measured under another protocol")


def test_files_that_grew_by_more_than_two_per_cent_are_worse(family: OnMachine) -> None:
    add_tier(family, "edge", 15_500_000, 0.66, parent="nano/distill", teacher="nano/distill")
    found = noted(Lineage(family.store))
    assert ("edge/int4", "megabytes") in names(found.worse)
    assert found.tiers[2].parameters_before == 15_000_000


def slower(family: OnMachine, machine: str | None) -> Notes:
    """The notes of a family whose edge was timed again, on another machine, and is slower."""
    family.machine = machine
    add_tier(family, "edge", 18_000_000, 0.66, parent="nano/distill", teacher="nano/distill")
    return noted(Lineage(family.store))


def test_speeds_that_fell_by_more_than_a_tenth_are_worse(family: OnMachine) -> None:
    found = slower(family, family.machine)
    assert ("edge/int4", "decode_tokens_per_second") in names(found.worse)


@pytest.mark.parametrize("machine", ["Xeon", None])
def test_speeds_are_compared_only_on_one_recorded_machine(
    family: OnMachine, machine: str | None
) -> None:
    found = slower(family, machine)
    speeds = [one.figure for one in found.apart if one.of == "edge/int4"]
    assert [one.name for one in speeds] == ["decode_tokens_per_second"]
    assert speeds[0].why == "timed on another machine, or on one that was not recorded"


def test_an_eased_bound_and_a_dropped_one_are_told(family: OnMachine) -> None:
    eased = Verdict(bound="agreement at least", limit=0.5, value=0.75, passed=True)
    family.seal(
        "mini", "gate", Outcome(verdicts=(eased,)), evaluate="mini/evaluate", verify="mini/verify",
        turn="eased",
    )  # fmt: skip
    found = noted(Lineage(family.store))
    bound = next(one for one in found.gates if one.tier == "mini")
    assert (bound.eased, bound.before, bound.verdict.limit) == (True, 0.6, 0.5)
    assert [(one.of, one.what) for one in found.gone] == [
        ("mini", "the bound int4 megabytes at most 60")
    ]


def test_a_tier_and_a_precision_that_are_gone_are_told(family: OnMachine) -> None:
    for place in [place for place in family.heads if place.startswith("edge/")]:
        del family.heads[place]
    del family.heads["nano/export:int8"]
    family.end()
    found = noted(Lineage(family.store))
    assert ("edge", "the whole tier") in [(one.of, one.what) for one in found.gone]
    assert ("nano/int8", "these files") in [(one.of, one.what) for one in found.gone]


def test_tiers_say_whether_they_are_new_made_anew_or_the_same(notes: Notes) -> None:
    assert {one.tier: one.standing for one in notes.tiers} == {
        "mini": "the same",
        "nano": "made anew",
        "edge": "made anew",
    }


def test_each_cause_is_told_once_with_the_tiers_that_it_concerns(notes: Notes) -> None:
    turn, teacher = notes.causes
    assert (turn.kind, turn.step, turn.what) == ("setting", "nano · start", "turn")
    assert (turn.before, turn.after) == ("30000000", "30000000 again")
    assert turn.tiers == ("nano", "edge")
    assert (teacher.kind, teacher.step, teacher.what) == ("input", "edge · distill", "teacher")
    assert teacher.tiers == ("edge",)


def test_a_word_about_the_family_is_a_cause_that_concerns_no_tier(family: OnMachine) -> None:
    family.seal("", "about", Outcome(facts={"licence": "MIT", "tiers": "mini"}), turn="MIT")
    (cause,) = noted(Lineage(family.store)).causes
    assert (cause.step, cause.tiers) == ("family · about", ())


def test_a_permission_is_told_with_the_licence_that_asks_for_it(family: OnMachine) -> None:
    permission = "J. Doe of Example Ltd, letter of 2026-01-02."
    words = Outcome(facts={"licence": "openai", "tiers": "mini", "permission": permission})
    family.seal("", "about", words, turn="allowed")
    notes = noted(Lineage(family.store))
    assert {one.permission for one in notes.licences} == {permission}
    assert f"Permission: {permission}" in render.markdown(notes)


def test_an_edge_that_leads_elsewhere_is_told(notes: Notes) -> None:
    (edge,) = notes.edges
    assert (edge.child, edge.kind) == ("toy/edge", "distilled_from")
    assert (edge.before, edge.after) == ("toy/nano", "toy/mini")


def test_teachers_passes_stand_apart_from_training(notes: Notes) -> None:
    (signal,) = notes.teaching
    assert (signal.step, signal.teachers) == ("family · signal", ("flagship",))
    assert signal.tiers == ("mini", "nano", "edge")
    assert not signal.anew
    trained = {one.step: one for one in notes.training}
    nano, edge = trained["nano · distill"], trained["edge · distill"]
    assert (nano.seconds, nano.joules, nano.machine) == (1.5, 30.0, "EPYC")
    assert nano.counted == {"steps": 195}
    assert (nano.teachers, nano.anew) == (("flagship",), True)
    assert edge.teachers == ("mini", "flagship")
    assert not trained["mini · distill"].anew


def test_data_say_what_they_hold_and_whom_they_taught(notes: Notes) -> None:
    (blocks,) = notes.data
    assert (blocks.kind, blocks.train, blocks.held_out, blocks.tokens) == ("blocks", 147, 57, 34000)
    assert blocks.tiers == ("mini", "nano", "edge")


def test_a_waived_duty_names_who_and_why(notes: Notes) -> None:
    waived = {one.subject: one.waived for one in notes.duties}["Apache-2.0/licence-text"]
    assert waived
    assert (waived.by, waived.reason) == ("Grace", "in the app")
    assert [one.kind for one in notes.decisions] == ["promote", "approve", "waive"]


def test_duties_of_a_release_are_those_that_it_was_made_with(family: OnMachine) -> None:
    then = noted(Lineage(family.store), "1.0.0")
    add_tier(family, "edge", EDGE, 0.70, parent="nano/distill", turn=" again")
    family.end()
    assert noted(Lineage(family.store), "1.0.0").duties == then.duties
    assert then.duties


def test_notes_of_a_release_stay_as_they_are_when_the_family_moves_on(family: OnMachine) -> None:
    then = noted(Lineage(family.store), "1.0.0")
    add_tier(family, "mini", 61_000_000, 0.8, turn=" again")
    add_tier(family, "nano", NANO, 0.7, parent="mini/distill")
    family.end()
    assert noted(Lineage(family.store), "1.0.0") == then


def test_notes_that_are_published_are_those_of_the_release(family: OnMachine) -> None:
    add_tier(family, "edge", EDGE, 0.70, parent="nano/distill", turn=" again")
    family.end()
    lineage = Lineage(family.store)
    now, before = span(lineage, "toy")
    frozen = release(family.store, "toy", "1.1.0", by="Ada")
    published = gather(lineage, now, before, frozen=frozen)
    later = noted(lineage, "1.1.0")
    assert published == later.model_copy(update={"decisions": ()})


def test_files_lie_where_they_are_handed_out(notes: Notes, twice: Lineage) -> None:
    paths = {file.path for file in notes.tiers[0].files[-1].files}
    assert "mini/int4/model.onnx" in paths
    assert notes.flagship
    assert notes.flagship.files[0].files[0].path.startswith("artifacts/")
    (first, *_) = noted(twice, "1.0.0..").tiers[0].files[0].files
    assert first.path.startswith("artifacts/")


def test_a_first_release_is_compared_with_nothing(twice: Lineage) -> None:
    first = noted(twice, "1.0.0")
    assert first.before is None
    assert not any((first.worse, first.better, first.causes, first.gone))
    assert {one.standing for one in first.tiers} == {"new"}
