"""Approving, waiving, promoting and rolling back."""

from datetime import timedelta
from pathlib import Path

import pytest

from family import ledger
from family.errors import NotFoundError, ReleaseError
from family.lineage.queries import Lineage
from family.lineage.record import reindex
from family.release.decide import approve, blocking, promote, reject, rollback, waive
from family.release.freeze import release
from family.store import Store
from tests.family.lineage.hand_built import Family, add_family

TEXT = "Apache-2.0/licence-text"


@pytest.fixture
def store(family: Family) -> Store:
    """A store with two releases of the family; Apache-2.0's duties are waived for both."""
    for version in ("1.0.0", "1.1.0"):
        release(family.store, "toy", version, by="Ada")
        owed = blocking(family.store, Lineage(family.store).release("toy", version))
        for subject in {duty.subject for duty in owed}:
            waive(family.store, "toy", version, subject, by="Ada", reason="a test")
    return family.store


def stands(store: Store, alias: str = "production") -> str:
    return Lineage(store).release("toy", alias).version


def test_only_what_was_approved_is_promoted(store: Store) -> None:
    with pytest.raises(ReleaseError, match=r"toy 1\.0\.0 is not approved yet\. Approve it: desc"):
        promote(store, "toy", "1.0.0", by="Ada")
    approve(store, "toy", "1.0.0", by="Grace")
    promote(store, "toy", "1.0.0", by="Ada")
    assert stands(store) == "1.0.0"


def test_the_last_word_counts(store: Store) -> None:
    approve(store, "toy", "1.0.0", by="Grace")
    reject(store, "toy", "1.0.0", by="Grace", reason="edge repeats itself")
    with pytest.raises(ReleaseError, match=r"toy 1\.0\.0 was rejected"):
        promote(store, "toy", "1.0.0", by="Ada")
    assert Lineage(store).release("toy", "1.0.0").decisions[-1].reason == "edge repeats itself"


def test_every_tier_moves_with_the_alias(store: Store) -> None:
    approve(store, "toy", "1.0.0", by="Grace")
    promote(store, "toy", "1.0.0", by="Ada")
    lineage = Lineage(store)
    for tier in ("mini", "nano", "edge"):
        assert lineage.resolve(f"{tier}@production").key == lineage.resolve(f"{tier}@1.0.0").key


def test_an_alias_is_rolled_back_to_where_it_stood(store: Store) -> None:
    for version in ("1.0.0", "1.1.0"):
        approve(store, "toy", version, by="Grace")
        promote(store, "toy", version, by="Ada")
    assert stands(store) == "1.1.0"

    rollback(store, "toy", by="Ada", reason="slow on the old phone")
    assert stands(store) == "1.0.0"
    kinds = [one.kind for one in Lineage(store).decisions("toy") if one.alias == "production"]
    assert kinds == ["promote", "promote", "rollback"]


def test_an_alias_that_stood_nowhere_before_stays(store: Store) -> None:
    approve(store, "toy", "1.0.0", by="Grace")
    promote(store, "toy", "1.0.0", by="Ada")
    with pytest.raises(ReleaseError, match=r"is at 1\.0\.0; it stood nowhere before"):
        rollback(store, "toy", by="Ada", reason="no reason")


def test_what_was_rejected_since_is_not_rolled_back_to(store: Store) -> None:
    for version in ("1.0.0", "1.1.0"):
        approve(store, "toy", version, by="Grace")
        promote(store, "toy", version, by="Ada")
    reject(store, "toy", "1.0.0", by="Grace", reason="a recall")
    with pytest.raises(ReleaseError, match=r"toy 1\.0\.0 was rejected"):
        rollback(store, "toy", by="Ada", reason="slow")


def test_a_version_that_is_not_there_is_not_promoted(store: Store) -> None:
    with pytest.raises(NotFoundError, match=r"toy has no release 1\.2\.0\. Did you mean 1\."):
        promote(store, "toy", "1.2.0", by="Ada")


def test_an_unmet_duty_keeps_a_release_from_being_promoted(family: Family) -> None:
    release(family.store, "toy", "1.0.0", by="Ada")
    approve(family.store, "toy", "1.0.0", by="Grace")
    with pytest.raises(ReleaseError, match=rf"may not be promoted(.|\n)*{TEXT}: unmet"):
        promote(family.store, "toy", "1.0.0", by="Ada")


def test_a_waiver_names_a_duty_that_blocks(store: Store) -> None:
    with pytest.raises(ReleaseError, match=r"MIT/notice blocks nothing\. Nothing blocks it"):
        waive(store, "toy", "1.0.0", "MIT/notice", by="Ada", reason="a test")


def test_a_waiver_holds_for_one_release(family: Family) -> None:
    for version in ("1.0.0", "1.0.1"):
        release(family.store, "toy", version, by="Ada")
    waive(family.store, "toy", "1.0.0", TEXT, by="Ada", reason="sent by post")
    lineage = Lineage(family.store)
    subjects = {
        version: {one.subject for one in blocking(family.store, lineage.release("toy", version))}
        for version in ("1.0.0", "1.0.1")
    }
    assert TEXT not in subjects["1.0.0"]
    assert TEXT in subjects["1.0.1"]


def test_the_index_rebuilt_from_the_store_knows_every_decision(store: Store) -> None:
    approve(store, "toy", "1.0.0", by="Grace")
    promote(store, "toy", "1.0.0", by="Ada")
    before = Lineage(store).decisions("toy")
    reindex(store)
    assert Lineage(store).decisions("toy") == before


def test_a_decision_that_never_reached_the_index_counts(store: Store) -> None:
    approve(store, "toy", "1.0.0", by="Grace")
    number = len(list(ledger.decisions(store, "toy"))) + 1
    last = list(ledger.decisions(store, "toy"))[-1]
    ledger.decide(store, last.model_copy(update={"number": number, "kind": "reject"}))
    with pytest.raises(ReleaseError, match=r"toy 1\.0\.0 was rejected"):
        promote(store, "toy", "1.0.0", by="Ada")


def test_families_decide_apart(store: Store) -> None:
    other = Family(store, "other")
    add_family(other)
    release(store, "other", "3.0.0", by="Ada")
    assert stands(store, "candidate") == "1.1.0"
    assert Lineage(store).resolve("other/edge@candidate").name == "other/edge"


def test_a_decision_that_cannot_be_read_is_named(store: Store) -> None:
    path: Path = store.root / "decisions/toy/1.json"
    path.write_text("{")
    with pytest.raises(Exception, match=r"decisions/toy/1\.json: this record cannot be read"):
        approve(store, "toy", "1.0.0", by="Grace")


def test_a_release_that_nobody_approved_in_time_is_rejected(family: Family) -> None:
    release(family.store, "toy", "1.0.0", by="Ada", within=timedelta(seconds=-1))
    with pytest.raises(ReleaseError, match=r"toy 1\.0\.0 was rejected"):
        promote(family.store, "toy", "1.0.0", by="Ada")
    (said,) = Lineage(family.store).release("toy", "1.0.0").decisions[1:]
    assert (said.by, said.kind) == ("descent", "reject")
    assert said.reason.startswith("nobody approved it until 20")
