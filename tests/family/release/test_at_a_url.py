"""Releases, and decisions about them, from several machines that share a store."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from family import ledger
from family.errors import ReleaseError, StoreError
from family.lineage.follow import follow, rebuilt
from family.lineage.queries import Lineage
from family.release import freeze
from family.release.decide import approve, opened, reject, take
from family.release.freeze import release
from family.release.signature import new_key
from family.release.signing import sign
from family.release.verify import verify_model, verify_release
from family.store import Store
from tests.family.lineage.hand_built import Family, add_family, add_tier

Worker = Callable[[str, str], Store]


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"file://{tmp_path / 'remote'}"


@pytest.fixture
def first(url: str, worker: Worker) -> Store:
    """A machine that has built a family."""
    family = Family(worker("first", url))
    add_family(family)
    share(family)
    return family.store


@pytest.fixture
def second(first: Store, url: str, worker: Worker) -> Store:
    return worker("second", url)


def share(family: Family) -> None:
    for manifest in family.kept.values():
        family.store.share(manifest, new=True)


def test_another_machine_knows_a_release_and_what_was_decided(first: Store, second: Store) -> None:
    release(first, "toy", "1.0.0", by="Ada")
    assert Lineage(second).release("toy", "candidate").version == "1.0.0"
    approve(second, "toy", "1.0.0", by="Grace", reason="Read it.")
    assert Lineage(first).release("toy", "1.0.0").approved
    assert Lineage(first).decisions("toy") == Lineage(second).decisions("toy")
    assert Lineage(first).releases("toy") == Lineage(second).releases("toy")
    assert rebuilt(first) == rebuilt(second)


def test_another_machine_verifies_what_was_released_and_signed(
    first: Store, second: Store, tmp_path: Path
) -> None:
    release(first, "toy", "1.0.0", by="Ada")
    new_key(tmp_path / "key.pem", str)
    sign(first, "toy", "1.0.0", tmp_path / "key.pem", str)
    found = verify_release(second, "toy", "1.0.0", tmp_path / "key.pub.pem")
    assert (found.difference, found.signature) == (None, "valid")
    assert verify_model(second, "edge/int4@candidate").difference is None


def test_a_published_file_that_was_altered_is_told(
    first: Store, second: Store, tmp_path: Path
) -> None:
    made = release(first, "toy", "1.0.0", by="Ada")
    (tmp_path / "remote" / "files" / made.published["NOTES.md"]).write_text("Nothing changed.")
    with pytest.raises(StoreError, match=r"toy 1\.0\.0 is not what was released: .* its NOTES\.md"):
        verify_release(second, "toy", "1.0.0")


def test_a_release_is_made_from_what_another_machine_built(first: Store, second: Store) -> None:
    made = release(second, "toy", "1.0.0", by="Grace")
    with pytest.raises(ReleaseError, match="a release never changes"):
        release(first, "toy", "1.0.0", by="Ada")
    assert [one for one, _ in ledger.releases(first)] == [made]


def test_of_two_releases_at_once_the_later_one_leaves_nothing(
    first: Store, second: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish = freeze.publish

    def meanwhile(*what: Any) -> None:
        monkeypatch.setattr(freeze, "publish", publish)
        release(second, "toy", "1.0.0", by="Grace")
        publish(*what)

    monkeypatch.setattr(freeze, "publish", meanwhile)
    with pytest.raises(StoreError, match=r"release\.json: somebody else wrote this"):
        release(first, "toy", "1.0.0", by="Ada")
    assert Lineage(first).release("toy", "candidate").by == "Grace"
    assert [one.by for one, _ in ledger.releases(first)] == ["Grace"]


@pytest.mark.parametrize("where", ["url", "bucket"])
def test_of_two_decisions_at_once_one_is_taken_and_the_other_one_told(
    where: str, request: pytest.FixtureRequest, worker: Worker
) -> None:
    url = request.getfixturevalue(where)
    first, second = worker("first", url), worker("second", url)
    family = Family(first)
    add_family(family)
    share(family)
    made = freeze.Release(
        family="toy", version="1.0.0", previous=None, change="first", steps=family.heads,
        digests={}, published={}, by="Ada", created="2026-01-03T03:04:05+00:00",
    )  # fmt: skip
    first.once("releases/toy/1.0.0/release.json", made.model_dump(mode="json"))
    with opened(first):
        reject(second, "toy", "1.0.0", by="Grace", reason="It rambles.")
        with pytest.raises(StoreError, match=r"1\.json: somebody else wrote this at the same time"):
            take(first, "toy", "approve", "1.0.0", by="Ada", reason="Fine.")
    assert [one.by for one in Lineage(first).decisions("toy")] == ["Grace"]
    assert Lineage(first).release("toy", "1.0.0").approved is False


def test_what_a_family_has_now_is_what_was_built_last_anywhere(first: Store, second: Store) -> None:
    follow(second)
    again = Family(second)
    add_family(again)
    add_tier(again, "edge", 14_000_000, 0.70, parent="nano/distill", turn=" again")
    again.end()
    share(again)
    assert Lineage(first).status("toy").tiers[2].parameters == 14_000_000
