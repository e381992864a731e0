from pathlib import Path

import pytest

from family.evaluate.retained import beside
from family.stage import Metric, Outcome
from family.store import OUTCOME

HIGHER = {"quiz:acc": True, "text:bits_per_byte": False}


def metric(name: str, value: float, half: float = 0.0, protocol: str = "p") -> Metric:
    low, high = (value - half, value + half) if half else (None, None)
    return Metric(about="model", name=name, value=value, n=9, low=low, high=high, protocol=protocol)


def kept(tmp_path: Path, tier: Metric, *flagship: Metric) -> list[Metric]:
    (tmp_path / OUTCOME).write_text(Outcome(metrics=flagship).model_dump_json())
    found = beside([tier], tmp_path, HIGHER)
    assert found[0] == tier
    return list(found[1:])


def test_where_higher_is_better_it_is_the_tier_over_the_flagship(tmp_path: Path) -> None:
    (found,) = kept(tmp_path, metric("quiz:acc", 0.6), metric("quiz:acc", 0.8))
    assert (found.name, found.value) == ("quiz:acc:retention", pytest.approx(0.75))


def test_where_lower_is_better_it_is_the_flagship_over_the_tier(tmp_path: Path) -> None:
    tier, flagship = metric("text:bits_per_byte", 2.0), metric("text:bits_per_byte", 1.0)
    (found,) = kept(tmp_path, tier, flagship)
    assert found.value == pytest.approx(0.5)


def test_its_interval_has_both_errors(tmp_path: Path) -> None:
    (found,) = kept(tmp_path, metric("quiz:acc", 0.5, 0.03), metric("quiz:acc", 0.5, 0.04))
    assert found.low == pytest.approx(1 - 0.1)
    assert found.high == pytest.approx(1 + 0.1)


def test_figures_of_two_protocols_are_not_divided(tmp_path: Path) -> None:
    assert kept(tmp_path, metric("quiz:acc", 0.6), metric("quiz:acc", 0.8, protocol="q")) == []


def test_a_tier_that_solves_nothing_keeps_nothing(tmp_path: Path) -> None:
    (found,) = kept(tmp_path, metric("quiz:acc", 0.0), metric("quiz:acc", 0.8))
    assert found.value == 0


def test_of_a_flagship_that_solves_nothing_nothing_can_be_kept(tmp_path: Path) -> None:
    assert kept(tmp_path, metric("quiz:acc", 0.5), metric("quiz:acc", 0.0)) == []
