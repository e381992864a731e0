"""Holding a family against its last release."""

from family.lineage.queries import Lineage
from family.release.falls import falls, last_release, outdated
from family.release.freeze import release
from family.stage import Outcome, Verdict
from tests.family.lineage.hand_built import Family, add_tier


def rebuilt(family: Family, agreement: float, how: str = "") -> Lineage:
    """The family after a release, with an edge that agrees so often with the flagship."""
    release(family.store, "toy", "1.0.0", by="Ada")
    add_tier(
        family,
        "edge",
        15_000_000,
        agreement,
        parent="nano/distill",
        teacher="nano/distill",
        turn=" again",
        how=how,
    )
    family.end()
    return Lineage(family.store)


def test_a_tier_that_is_worse_by_more_than_is_allowed_fell(family: Family) -> None:
    lineage = rebuilt(family, 0.64)
    before = last_release(lineage, "toy")
    assert before
    found = {one.tier: one for one in falls(lineage, "toy", before, {"agreement": 0.01})}
    edge = found["edge"]
    assert (edge.before, edge.now, edge.passed) == (0.66, 0.64, False)
    assert edge.worse
    assert round(edge.worse, 6) == 0.02
    assert (found["mini"].worse, found["mini"].passed) == (0.0, True)


def test_a_tier_that_is_better_or_hardly_worse_passes(family: Family) -> None:
    lineage = rebuilt(family, 0.655)
    before = last_release(lineage, "toy")
    assert before
    most = {"agreement": 0.01, "int4/bits_per_byte": 0.01}
    assert all(one.passed for one in falls(lineage, "toy", before, most))


def test_figures_of_two_protocols_wait_for_the_released_model_to_be_scored_again(
    family: Family,
) -> None:
    lineage = rebuilt(family, 0.64, how="other texts")
    before = last_release(lineage, "toy")
    assert before
    assert outdated(lineage, "toy", before, ["agreement"]) == {"edge"}
    edge = next(
        one for one in falls(lineage, "toy", before, {"agreement": 0}) if one.tier == "edge"
    )
    assert (edge.passed, edge.why) == (None, "measured under another protocol")


def test_files_that_the_release_had_not_cannot_be_worse(family: Family) -> None:
    del family.heads["edge/export:int8"]
    made = {"fp32": "edge/export:fp32", "int4": "edge/export:int4"}
    family.seal("edge", "verify", Outcome(), model="edge/distill", corpus="/corpus", **made)
    passed = Verdict(bound="agreement at least", limit=0.6, value=0.66, passed=True)
    scores = {"evaluate": "edge/evaluate", "verify": "edge/verify"}
    family.seal("edge", "gate", Outcome(verdicts=(passed,)), **scores)
    family.end()
    lineage = rebuilt(family, 0.66)
    before = last_release(lineage, "toy")
    assert before
    found = {one.tier: one for one in falls(lineage, "toy", before, {"int8/bits_per_byte": 0})}
    assert (found["edge"].passed, found["edge"].why) == (None, "not measured in the last release")
    assert found["mini"].passed
