"""The best of several shapes."""

import json
from pathlib import Path

import pytest
from pydantic import ValidationError

from family.errors import DescentError
from family.spec import Budget, CandidateStart, Distill, Shape
from family.student.candidates import candidates
from family.teacher.open import load
from tests.family.conftest import TinyFamily

TRIAL = Distill(tokens=400, batch=1, learning_rate=3e-4, precision="fp32")
START = CandidateStart(
    kind="candidates",
    shape=Shape(context=192),
    shapes=(Shape(layers=1), Shape(layers=3), Shape(layers=3, intermediate=32)),
    trial=TRIAL,
    calibration=2,
)


@pytest.fixture
def inputs(tiny_family: TinyFamily) -> dict[str, Path]:
    return {
        "parent": tiny_family.flagship,
        "teacher": tiny_family.flagship,
        "corpus": tiny_family.corpus,
        "signal": tiny_family.signal,
        "vocabulary": tiny_family.vocabulary,
    }


def test_the_shape_whose_trial_ends_lowest_is_the_start(
    inputs: dict[str, Path], tmp_path: Path
) -> None:
    outcome = candidates(inputs, START, tmp_path)
    ranking = json.loads((tmp_path / "ranking.json").read_text())
    losses = [one["loss"] for one in ranking]
    assert losses == sorted(losses)
    assert len(set(losses)) == len(START.shapes)
    model = load(tmp_path)
    assert model.num_parameters() == ranking[0]["parameters"]
    assert model.config.num_hidden_layers == ranking[0]["shape"]["layers"]
    assert model.config.max_position_embeddings == 192
    (edge,) = outcome.edges
    assert edge.kind == "pruned_from"
    assert edge.detail["candidates"] == 3
    assert edge.detail["trial_loss"] == round(losses[0], 4)
    assert edge.detail["next_best_loss"] == round(losses[1], 4)
    assert not [path for path in tmp_path.iterdir() if path.is_dir()], "trials are cleared away"


def test_a_trial_that_would_see_a_block_twice_is_refused(
    inputs: dict[str, Path], tmp_path: Path
) -> None:
    long = START.model_copy(update={"trial": TRIAL.model_copy(update={"tokens": 10**9})})
    with pytest.raises(DescentError, match=r"start.trial.tokens: 1,000,000,000 are more than the"):
        candidates(inputs, long, tmp_path)


def test_a_budget_beside_candidates_is_refused() -> None:
    with pytest.raises(ValidationError, match="a `budget` picks one by itself"):
        CandidateStart(kind="candidates", shapes=START.shapes, budget=Budget(params=1000))
