from types import SimpleNamespace

import pytest

from family.distill.astray import Watch, astray
from family.errors import DescentError

ARGS = SimpleNamespace(logging_steps=10, learning_rate=1e-3, max_grad_norm=1.0)


@pytest.mark.parametrize(
    ("losses", "expected"),
    [
        ([3.0], False),
        ([3.0, 2.0, 1.5, 1.4], False),
        ([3.0, 2.0, 7.0], False),  # a spike, less than four times the least
        ([3.0, 1.0, 2.9], False),  # up again, and still better than the start
        ([3.0, 0.7, 3.1], True),
        ([1.0, 4.5], True),
        ([0.01, 0.02, 0.2], False),  # a student that was as good as done
        ([0.01, 0.02, 0.6], True),
        ([10.8, 11.0, 20.0], False),  # random odds to worse ones, which training may recover from
    ],
)
def test_it_is_astray_far_above_start_and_least(losses: list[float], expected: bool) -> None:
    assert astray(losses) == expected


def test_a_term_of_small_weight_goes_astray_in_its_own_measure() -> None:
    losses = [0.1, 0.05, 0.3]
    assert not astray(losses)
    assert astray(losses, weight=0.1)


def seen(watch: Watch, *entries: tuple[int, float]) -> None:
    state = SimpleNamespace(log_history=[])
    for step, loss in entries:
        state.global_step = step
        state.log_history.append({"step": step, "loss": loss})
        watch.on_log(ARGS, state, None, {"loss": loss})


def test_a_phase_that_learns_something_else_starts_anew() -> None:
    rising = (10, 1.0), (20, 0.2), (30, 1.2)
    with pytest.raises(DescentError, match=r"rose from 0\.2 to 1\.2 by step 30: training diverged"):
        seen(Watch(1.0), *rising)
    watch = Watch(1.0)
    watch.phases.append(15)
    seen(watch, *rising)
    with pytest.raises(DescentError, match=r"rose from 1\.2 to 5 by step 40"):
        seen(watch, *rising, (40, 5.0))
