"""Which number a change may have."""

import pytest

from family.errors import ReleaseError
from family.lineage.queries import Lineage
from family.lineage.views import Status
from family.release import versions
from family.release.freeze import release
from tests.family.lineage.hand_built import Family, add_tier


@pytest.fixture
def before(family: Family) -> Status:
    return Lineage(family.store).status().model_copy(update={"version": "1.2.0"})


def without_edge(status: Status) -> Status:
    return status.model_copy(update={"tiers": status.tiers[:2]})


def of_another_flagship(status: Status) -> Status:
    assert status.flagship
    other = status.flagship.model_copy(update={"model": "9" * 16, "title": "SmolLM3"})
    return status.model_copy(update={"flagship": other})


@pytest.mark.parametrize("version", ["1.2", "v1.2.0", "1.2.0.0", "latest", "01.2.0"])
def test_a_version_has_three_numbers(version: str) -> None:
    with pytest.raises(ReleaseError, match=rf"{version} is no semantic version\. It needs three"):
        versions.parse(version)


def test_the_version_before_is_the_highest_that_is_lower() -> None:
    there = ["1.2.0", "1.10.0", "1.9.3", "2.0.0-rc.1"]
    assert versions.previous("1.10.1", there) == "1.10.0"
    assert versions.previous("2.0.0", there) == "2.0.0-rc.1"
    assert versions.previous("1.0.0", there) is None


def test_a_version_says_how_much_of_a_change_it_is() -> None:
    assert versions.change("toy", "1.0.0", None) == "first"
    assert versions.change("toy", "2.0.0", "1.2.0") == "major"
    assert versions.change("toy", "1.3.0", "1.2.9") == "minor"
    assert versions.change("toy", "1.2.1", "1.2.0") == "patch"


def test_a_dropped_tier_needs_a_major_version(before: Status) -> None:
    after = without_edge(before)
    for version in ("1.2.1", "1.3.0"):
        with pytest.raises(ReleaseError, match=r"the tier edge is gone\. Call it 2\.0\.0"):
            versions.check("toy", version, before, after)
    versions.check("toy", "2.0.0", before, after)


def test_a_dropped_precision_needs_a_major_version(before: Status) -> None:
    mini = before.tiers[0]
    after = before.model_copy(
        update={"tiers": (mini.model_copy(update={"files": mini.files[:2]}), *before.tiers[1:])}
    )
    with pytest.raises(ReleaseError, match=r"mini/int4 is gone\. Call it 2\.0\.0"):
        versions.check("toy", "1.3.0", before, after)


def test_a_changed_flagship_is_no_patch(before: Status) -> None:
    after = of_another_flagship(before)
    with pytest.raises(ReleaseError, match=r"the flagship changed \(SmolLM2-135M-Instruct .*"):
        versions.check("toy", "1.2.1", before, after)
    versions.check("toy", "1.3.0", before, after)


def test_a_new_tier_is_no_patch(before: Status) -> None:
    with pytest.raises(ReleaseError, match=r"the tier edge is new\. Call it 1\.3\.0, or higher"):
        versions.check("toy", "1.2.1", without_edge(before), before)


def test_before_the_first_major_version_a_minor_one_may_break(before: Status) -> None:
    young = before.model_copy(update={"version": "0.2.0"})
    with pytest.raises(ReleaseError, match=r"the tier edge is gone\. Call it 0\.3\.0"):
        versions.check("toy", "0.2.1", young, without_edge(young))
    versions.check("toy", "0.3.0", young, without_edge(young))


def test_the_same_models_may_be_called_a_patch(before: Status) -> None:
    versions.check("toy", "1.2.1", before, before)


def test_the_next_version_says_enough_about_the_change(family: Family) -> None:
    lineage = Lineage(family.store)
    assert versions.following(lineage, "toy") == "0.1.0"

    release(family.store, "toy", "1.2.0", by="Ada")
    assert versions.following(lineage, "toy") == "1.2.1"

    add_tier(family, "pico", 5_000_000, 0.62, parent="edge/distill")
    family.end()
    assert versions.following(lineage, "toy") == "1.3.0"

    for step in [one for one in family.heads if one.startswith("edge/")]:
        del family.heads[step]
    family.end()
    assert versions.following(lineage, "toy") == "2.0.0"
