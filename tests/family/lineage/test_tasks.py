"""What models did at tasks, wherever the records tell of it, on a family sealed by hand."""

import pytest

from family.lineage.card import card
from family.lineage.notes import notes
from family.lineage.queries import Lineage
from family.release.falls import falls
from family.release.freeze import release
from family.store import Store
from tests.family.lineage.hand_built import Family, add_flagship, add_tasks, add_tier


@pytest.fixture
def asked(store: Store) -> Family:
    """A family whose mini was asked tasks, and whose nano was not."""
    family = Family(store)
    add_flagship(family)
    add_tier(family, "mini", 61_000_000, 0.75)
    add_tier(family, "nano", 30_000_000, 0.69)
    add_tier(family, "edge", 15_000_000, 0.66)
    add_tasks(family, "mini", 0.6, 1.25)
    family.end()
    return family


def test_members_and_files_have_the_figures_of_what_they_are_now(asked: Family) -> None:
    status = Lineage(asked.store).status()
    mini, nano, _ = status.tiers
    assert mini.gate
    int4 = mini.file("int4")
    assert status.flagship
    assert int4
    for measured, value in ((status.flagship, 0.8), (mini, 0.6), (int4, 0.6)):
        figure = measured.figure("quiz:acc")
        assert figure
        assert figure.value == value
    assert nano.figure("quiz:acc") is None
    add_tier(asked, "mini", 61_000_000, 0.75, turn=" again")
    asked.end()
    assert Lineage(asked.store).status().tiers[0].figure("quiz:acc") is None


def test_notes_tell_what_was_kept(asked: Family) -> None:
    lineage = Lineage(asked.store)
    text = notes(lineage, lineage.status())
    title = "| kept of the flagship's | quiz acc retention | prose bits_per_byte retention |"
    assert title in text
    assert "| mini | 0.750 (0.710 to 0.790) | 0.800 |" in text
    assert "| mini/int4 | 0.750 (0.710 to 0.790) | 0.800 |" in text
    assert "| nano | - | - |" in text


def test_a_card_has_the_tasks_in_its_text_and_in_what_the_hub_reads(asked: Family) -> None:
    made = card(Lineage(asked.store).dossier("mini/int4"), owner="acme")
    assert "| quiz acc | a task of the lm-evaluation-harness | 0.6 | 0.58 to 0.62 |" in (
        made.markdown
    )
    assert "| quiz acc retention | beside the flagship's; above 1 it is better | 0.75 |" in (
        made.markdown
    )
    assert "on the tasks below, and on nothing else" in made.markdown
    results = made.metadata["model-index"][0]["results"]  # type: ignore[index, call-overload]
    named = [(one["dataset"]["name"], one["metrics"][0]["type"]) for one in results]
    assert ("quiz", "acc") in named
    assert ("prose", "bits_per_byte") in named


def test_less_kept_than_in_the_last_release_is_a_fall(asked: Family) -> None:
    release(asked.store, "toy", "1.0.0", by="Ada")
    add_tier(asked, "mini", 61_000_000, 0.75, turn=" again")
    add_tasks(asked, "mini", 0.5, 1.25)
    asked.end()
    lineage = Lineage(asked.store)
    before = lineage.release("toy", "1.0.0")
    mini, *_ = falls(lineage, "toy", before, {"quiz:acc:retention": 0.1})
    assert mini.worse == pytest.approx(0.125)
    assert mini.passed is False
