"""Scales and their marks."""

import pytest

from family.drawing.axes import Axes, Scale, plain


def test_a_logarithmic_scale_marks_1_2_and_5_and_fewer_where_it_is_long() -> None:
    assert Scale(8, 600, log=True).ticks() == [10, 20, 50, 100, 200, 500]
    assert Scale(0.9, 2e4, log=True).ticks() == [1, 10, 100, 1000, 10_000]


def test_a_linear_scale_marks_round_values() -> None:
    assert Scale(0.3, 1.05).ticks() == pytest.approx([0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0])
    assert Scale(0, 350_000).ticks() == pytest.approx(range(0, 350_001, 50_000))


def test_axes_put_low_values_to_the_left_and_below() -> None:
    axes = Axes((10, 20, 110, 220), Scale(1, 100, log=True), Scale(0, 1))
    assert axes.at(1, 0) == (10, 220)
    assert axes.at(10, 0.5) == pytest.approx((60, 120))
    assert axes.at(100, 1) == (110, 20)


@pytest.mark.parametrize(("value", "text"), [(0.5, "0.5"), (2, "2"), (20, "20"), (2e5, "200,000")])
def test_a_mark_says_its_value_plainly(value: float, text: str) -> None:
    assert plain(value) == text
