"""The scorecard, from a status."""

import pytest
from rich.console import Console

from family.lineage.queries import Lineage
from family.lineage.scorecard import scorecard
from family.lineage.views import Status
from family.store import Store
from tests.family.lineage.hand_built import Family, add_flagship, add_tasks, add_tier


@pytest.fixture(scope="module")
def status(told: Family) -> Status:
    return Lineage(told.store).status("toy")


def test_the_flagship_goes_first_and_tiers_by_size(status: Status) -> None:
    assert [row["model"] for row in scorecard(status).records()] == [
        "flagship",
        "mini",
        "nano",
        "edge",
    ]


def test_a_row_has_sizes_quality_and_speed(status: Status) -> None:
    assert scorecard(status).records()[2] == {
        "model": "nano",
        "parameters": "30.0 M",
        "fp32 MB": "0.12",
        "int8 MB": "0.036",
        "int4 MB": "0.0189",
        "bits per byte": "0.655 (0.645 to 0.665)",
        "agreement": "0.690",
        "retention": "0.763",
        "KL": "0.310",
        "fp32 tokens/s": "269",
        "int8 tokens/s": "628",
        "int4 tokens/s": "852",
    }


def test_a_figure_of_another_protocol_is_marked_and_explained(store: Store) -> None:
    family = Family(store)
    add_flagship(family)
    add_tier(family, "mini", 61_000_000, 0.75)
    add_tier(family, "nano", 30_000_000, 0.69, how="another held-out text")
    card = scorecard(Lineage(store).status())
    mini, nano = card.records()[1:]
    assert (mini["agreement"], nano["agreement"]) == ("0.750", "0.690†")
    assert card.remarks[-1].startswith("† measured under another protocol")


def test_what_no_model_has_takes_no_column(store: Store) -> None:
    add_flagship(Family(store))
    assert scorecard(Lineage(store).status()).columns == ("model", "parameters", "fp32 MB")


def test_markdown_has_a_line_per_model_and_says_what_the_figures_mean(status: Status) -> None:
    lines = scorecard(status).markdown().splitlines()
    assert lines[0].startswith("| model | parameters | fp32 MB |")
    assert lines[1].startswith("| --- | ---: |")
    assert lines[5].startswith("| edge | 15.0 M | 0.06 |")
    assert "how often the likeliest next token is the flagship's (1,000 tokens)" in lines[-1]
    assert "the median of 5 timings" in lines[-1]


def test_the_terminal_table_fits_eighty_columns(status: Status) -> None:
    console = Console(width=80)
    with console.capture() as said:
        console.print(scorecard(status).table())
    assert "…" not in said.get()
    assert "int4 tokens/s" in said.get()


def test_what_a_tier_can_do_stands_beside_the_flagship_s(store: Store) -> None:
    family = Family(store)
    add_flagship(family)
    add_tier(family, "mini", 61_000_000, 0.75)
    add_tier(family, "nano", 30_000_000, 0.69)
    add_tasks(family, "mini", 0.6, 1.25)
    family.end()
    card = scorecard(Lineage(store).status())
    flagship, mini, nano = card.records()
    assert (flagship["quiz acc"], mini["quiz acc"]) == ("0.800", "0.600, 75.0 %")
    assert mini["prose bits_per_byte"] == "1.250, 80.0 %"
    assert mini["int4 quiz acc"] == "0.600, 75.0 %"
    assert (nano["quiz acc"], flagship["int4 quiz acc"]) == ("-", "-")
    assert "fp32 quiz acc" not in flagship
    assert any("of the flagship's figure" in remark for remark in card.remarks)
