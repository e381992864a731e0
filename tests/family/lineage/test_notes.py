"""Release notes, from the index alone."""

import subprocess
from pathlib import Path

import pytest

from family.lineage.notes import notes
from family.lineage.queries import Lineage
from family.lineage.record import reindex
from family.store import Store
from tests.family.lineage.hand_built import Family, add_family, add_flagship, add_tier


@pytest.fixture(scope="module")
def text(told: Family) -> str:
    return notes(Lineage(told.store).status("toy"))


def test_notes_tell_summary_scorecard_making_gates_files_and_licence(text: str) -> None:
    assert [line for line in text.splitlines() if line.startswith("#")] == [
        "# Release notes: toy",
        "## Summary",
        "## Scorecard",
        "## How each model was made",
        "## Gates",
        "## Files",
        "## Flagship and licence",
    ]
    assert "SmolLM2-135M-Instruct, 134.5 M parameters" in text
    assert "Its licence: Apache-2.0." in text


def test_edges_are_told_in_words(text: str) -> None:
    assert (
        "pruned from mini (layers 0,1); distilled from flagship over 200,000 tokens with "
        "forward_kl (final loss 0.84, steps 195); taught on text that flagship wrote (samples 320)."
        in text
    )
    assert "quantized from edge." in text


def test_the_summary_gives_each_tier_its_quality_and_smallest_file(text: str) -> None:
    assert (
        "- **mini**: 61.0 M parameters; agreement with the flagship 0.750 (95 %: 0.740 to 0.760); "
        "retention 0.800; int4 takes 0.0384 MB and decodes 419 tokens/s; gate passed." in text
    )


def test_the_listed_digests_are_those_of_the_files(told: Family, text: str, tmp_path: Path) -> None:
    sums = tmp_path / "SHA256SUMS"
    sums.write_text(text.split("```")[1].lstrip())
    checked = subprocess.run(
        ["sha256sum", "--check", "--strict", str(sums)],
        cwd=told.store.root,
        capture_output=True,
        text=True,
    )
    assert checked.returncode == 0
    assert checked.stdout.count(": OK") == 27


def test_the_same_records_give_the_same_bytes(told: Family, text: str, tmp_path: Path) -> None:
    assert notes(Lineage(told.store).status("toy")) == text
    elsewhere = Family(Store(tmp_path / "elsewhere"))
    add_family(elsewhere)
    assert notes(Lineage(elsewhere.store).status()) == text
    reindex(elsewhere.store)
    assert notes(Lineage(elsewhere.store).status()) == text


def test_a_missed_bound_says_by_how_much(store: Store) -> None:
    family = Family(store)
    add_flagship(family)
    add_tier(family, "mini", 61_000_000, 0.55, passes=False)
    text = notes(Lineage(store).status())
    assert "| mini | agreement at least | 0.6 | 0.55 | missed by 0.05 |" in text
    assert "gate missed." in text


def test_a_tier_without_a_verdict_is_said_to_be_unjudged(store: Store) -> None:
    family = Family(store)
    add_flagship(family)
    add_tier(family, "mini", 61_000_000, 0.75)
    del family.heads["mini/gate"]
    family.end()
    assert "**mini** was not judged." in notes(Lineage(store).status())
