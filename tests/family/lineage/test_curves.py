"""Training curves."""

from pathlib import Path

import pytest

from family.drawing.scene import Group, texts
from family.errors import StoreError
from family.lineage.curves import Curve, picture, read
from tests.family.lineage.hand_built import history


@pytest.fixture
def curve(tmp_path: Path) -> Curve:
    (tmp_path / "history.jsonl").write_text(history(0.75))
    return Curve(tier="mini", logged=read(tmp_path / "history.jsonl"))


def test_a_history_is_read_line_by_line(curve: Curve) -> None:
    assert [one.step for one in curve.logged] == list(range(15, 196, 15))
    assert curve.logged[-1].loss == pytest.approx(0.5)


def test_a_line_that_training_did_not_log_is_named(tmp_path: Path) -> None:
    (tmp_path / "history.jsonl").write_text(history(0.75) + '{"step": 1}\n')
    with pytest.raises(StoreError, match=r"history\.jsonl, line 14: not what training logs"):
        read(tmp_path / "history.jsonl")


def test_every_logged_loss_says_what_it_is_and_the_end_of_a_curve_whose_it_is(
    curve: Curve,
) -> None:
    scene = picture([curve], {"mini": "tier-1"})
    marks = [shape for shape in scene.shapes if isinstance(shape, Group)]
    assert len(marks) == 13
    assert marks[-1].says.splitlines() == [
        "mini, step 195",
        "loss 0.5 nats per token",
        "199,992 tokens",
        "learning rate 0.001",
    ]
    assert [text.words for text in texts(scene.shapes) if text.halo] == ["mini", "0.5"]


def test_a_loss_of_zero_is_drawn_too(curve: Curve) -> None:
    last = curve.logged[-1].model_copy(update={"loss": 0.0})
    assert picture([curve.model_copy(update={"logged": (*curve.logged, last)})], {"mini": "tier-1"})
