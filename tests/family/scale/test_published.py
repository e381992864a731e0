"""What is foretold of published runs."""

import pytest

from family.scale import costs
from family.scale.published import HOUR, error, published, spread

KNOWN = published()


def test_the_one_constant_that_is_fitted_meets_the_one_run_it_is_fitted_to() -> None:
    (run,) = (run for run in KNOWN.training if run.fitted)
    peak = 989.4e12
    left = run.gpu_hours * HOUR - 2 * run.teacher * run.tokens / (peak * costs.FORWARD)
    assert 6 * run.student * run.tokens / (peak * left) == pytest.approx(costs.TRAINING, abs=5e-4)


@pytest.mark.parametrize(
    ("run", "expected"),
    [
        ("nemotron-3-nano", -0.55),
        ("llama-3.2-3b", -0.25),
        ("llama-3.2-1b", -0.65),
        ("llama-3.1-8b", -0.02),
        ("llama-3.1-70b", 0.79),
    ],
)
def test_the_error_of_each_other_training_is_what_the_page_says(run: str, expected: float) -> None:
    (found,) = (one for one in KNOWN.training if one.id == run)
    assert error(found.foretold(), found.gpu_hours) == pytest.approx(expected, abs=0.005)


def test_the_spread_covers_every_run_that_was_not_fitted() -> None:
    found = spread()
    assert (found.least, found.most, found.runs) == (0.56, 2.82, 5)


def test_one_reading_of_the_llama_logits_is_near_and_the_other_is_beyond_the_devices_peak() -> None:
    alone, both, _ = KNOWN.forward
    assert error(alone.foretold(), alone.gpu_hours) == pytest.approx(0.18, abs=0.005)
    assert both.foretold() * costs.FORWARD > 4 * both.gpu_hours


def test_prompts_read_in_vllm_are_foretold_within_a_sixth() -> None:
    run = KNOWN.forward[2]
    assert error(run.foretold(), run.gpu_hours) == pytest.approx(0.14, abs=0.005)


def test_a_bound_is_kept() -> None:
    for window in KNOWN.windows:
        assert window.foretold() < window.gpu_hours


def test_minitron_s_operations_and_saving_are_counted_alike() -> None:
    for step in KNOWN.steps:
        assert abs(error(KNOWN.counted(step), step.flop)) < 0.07
    assert KNOWN.saving() == pytest.approx(KNOWN.steps_saving, abs=0.05)


def test_every_run_says_where_and_when_it_was_published() -> None:
    for run in (*KNOWN.training, *KNOWN.forward, *KNOWN.windows):
        assert run.source
        assert run.date.startswith("202")
