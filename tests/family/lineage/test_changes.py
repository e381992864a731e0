"""Why two models differ, on families sealed by hand."""

from itertools import count

import pytest

from family.lineage.changes import Change
from family.lineage.queries import Lineage
from family.stage import Outcome, digest_json
from family.store import Origin, Store
from tests.family.lineage.hand_built import Family, add_flagship, add_tier, facts, metric, weights


class Clocked(Family):
    """A family whose every step begins a second after the one before."""

    times = count()

    def _origin(self, tier: str, step: str, key: str) -> Origin:
        second = next(self.times)
        started = f"2026-01-02T03:{second // 60:02d}:{second % 60:02d}+00:00"
        origin = super()._origin(tier, step, key)
        return origin.model_copy(
            update={"started": started, "environment": {"python": "3.11.7", "second": second}}
        )


@pytest.fixture
def family(store: Store) -> Family:
    made = Clocked(store)
    add_flagship(made)
    add_tier(made, "mini", 61_000_000, 0.75)
    add_tier(made, "nano", 30_000_000, 0.69, parent="mini/distill")
    made.end()
    return made


def told(changes: tuple[Change, ...]) -> list[tuple[str, str, str, object, object]]:
    return [(one.kind, one.step, one.what, one.before, one.after) for one in changes]


def test_a_setting_that_changed_is_told_where_it_stands(family: Family) -> None:
    old = family.heads["mini/distill"]
    add_tier(family, "mini", 61_000_000, 0.8, turn=" again")

    found = Lineage(family.store).diff(old, "mini")

    assert told(found.causes) == [("setting", "mini · start", "turn", "61000000", "61000000 again")]
    assert found.causes[0].through == ("student",)


def test_what_merely_followed_is_not_a_cause(family: Family) -> None:
    old = family.heads["nano/export:int4"]
    add_tier(family, "mini", 61_000_000, 0.8, turn=" again")
    add_tier(family, "nano", 30_000_000, 0.7, parent="mini/distill")

    found = Lineage(family.store).why("nano/int4")

    assert found.earlier
    assert found.earlier.key == old
    assert told(found.causes) == [("setting", "mini · start", "turn", "61000000", "61000000 again")]
    assert found.causes[0].through == ("model", "student", "parent", "student")


def test_other_weights_from_outside_are_data(family: Family) -> None:
    old = family.heads["mini/distill"]
    family.seal("", "flagship", Outcome(model=facts(1)), {"w": "new"}, weights="e" * 64)
    family.seal("", "corpus", Outcome(), flagship="/flagship")
    family.seal("", "signal", Outcome(), teacher="/flagship", corpus="/corpus")
    add_tier(family, "mini", 61_000_000, 0.8)

    found = Lineage(family.store).why("mini")

    assert found.earlier
    assert found.earlier.key == old
    assert told(found.causes) == [("data", "family · flagship", "weights", "f" * 64, "e" * 64)]


def test_a_stage_of_another_version_is_code(family: Family) -> None:
    old = family.kept[family.heads["mini/start"]]
    recipe = {**old.recipe, "version": 2}
    outcome, origin = old.outcome, family._origin("mini", "start", "0")
    sealed = old.model_copy(
        update={"recipe": recipe, "key": digest_json(recipe), "origin": origin, "outcome": outcome}
    )
    family.kept[sealed.key] = sealed
    family.note("mini", "start", sealed.key)

    found = Lineage(family.store).why("mini/start")

    assert told(found.causes) == [("code", "mini · start", "version", 1, 2)]


def test_another_teacher_is_an_input_and_an_edge(family: Family) -> None:
    old = family.heads["nano/distill"]
    add_tier(family, "nano", 30_000_000, 0.69, parent="mini/distill", teacher="mini/distill")

    found = Lineage(family.store).diff(old, "nano")

    assert told(found.causes) == [
        ("input", "nano · distill", "teacher", "toy/flagship", "toy/mini")
    ]
    assert [(one.kind, one.before, one.after) for one in found.edges] == [
        ("distilled_from", "toy/flagship", "toy/mini")
    ]


def test_an_input_that_came_and_one_that_is_gone_are_told(family: Family) -> None:
    family.seal(
        "mini",
        "start",
        Outcome(model=facts(1)),
        turn="61000000",
        parent="/flagship",
        signal="/signal",
    )

    found = Lineage(family.store).why("mini/start")

    signal, corpus = family.heads["/signal"][:16], family.heads["/corpus"][:16]
    assert sorted(told(found.causes)) == [
        ("input", "mini · start", "corpus", f"family · corpus ({corpus})", None),
        ("input", "mini · start", "signal", None, f"family · signal ({signal})"),
    ]


def test_two_tiers_are_compared_step_by_step(family: Family) -> None:
    found = Lineage(family.store).diff("mini", "nano")

    assert told(found.causes) == [
        ("setting", "nano · start", "turn", "61000000", "30000000"),
        ("input", "nano · start", "parent", "toy/flagship", "toy/mini"),
    ]
    assert (found.before.name, found.after.name) == ("toy/mini", "toy/nano")
    assert (found.before.parameters, found.after.parameters) == (61_000_000, 30_000_000)
    files = Lineage(family.store).show("mini").files
    assert found.before.bytes == sum(file.bytes for file in files) > len(weights(244, ""))
    assert [(one.child, one.kind, one.before, one.after) for one in found.edges] == [
        ("toy/nano", "initialised_from", "toy/mini/start", "toy/nano/start"),
        ("toy/nano/start", "pruned_from", "toy/flagship", "toy/mini"),
    ]


def test_figures_of_one_protocol_are_compared_and_others_are_named(family: Family) -> None:
    family.seal(
        "nano",
        "evaluate",
        Outcome(
            metrics=(
                metric("model", "agreement", 0.69, "tokens", 0.01),
                metric("model", "kl", 0.3, "tokens", 0.02, "another way"),
            )
        ),
        turn="again",
        model="nano/distill",
    )
    lineage = Lineage(family.store)

    both = {one.name: one for one in lineage.diff("mini", "nano").figures}

    assert both["agreement"].change == pytest.approx(-0.06)
    assert both["agreement"].clear is True
    assert both["agreement"].before_interval == pytest.approx((0.74, 0.76))
    assert lineage.diff("mini", "nano").incomparable == ()  # kl was also measured the same way

    speeds = lineage.diff("mini/int4", "nano/int4")
    assert speeds.incomparable == ("agreement", "kl")  # each against its own tier's checkpoint
    assert {one.name: one.clear for one in speeds.figures} == {
        "bits_per_byte": True,
        "decode_tokens_per_second": None,
    }


def test_a_machine_that_changed_is_told_apart_from_causes(family: Family) -> None:
    found = Lineage(family.store).diff("mini", "nano")
    assert [one.what for one in found.environment] == ["second"]


def test_a_model_does_not_differ_from_itself(family: Family) -> None:
    found = Lineage(family.store).diff("nano", "toy/nano")
    assert (found.causes, found.edges, found.environment) == ((), (), ())
    assert all(one.change == 0 for one in found.figures)


def test_the_first_in_its_place_has_no_earlier_one(family: Family) -> None:
    found = Lineage(family.store).why("nano")
    assert (found.earlier, found.causes) == (None, ())


def test_the_last_one_before_is_the_one_compared_with(family: Family) -> None:
    for turn in (" second", " third"):
        add_tier(family, "mini", 61_000_000, 0.8, turn=turn)

    found = Lineage(family.store).why("mini/start")

    assert told(found.causes) == [
        ("setting", "mini · start", "turn", "61000000 second", "61000000 third")
    ]
