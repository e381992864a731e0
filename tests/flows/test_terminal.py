"""What a build says on standard error."""

from io import StringIO

import pytest
from rich.console import Console

from family.plan import Step
from family.progress import Progress
from flows.cli.terminal import Log
from tests.toys import family, only

MINUTES = {"/responses": 4.0, "mini/distill": 10.0, "nano/distill": 6.0}
HALF = Progress(done=5, total=10, unit="steps")


@pytest.fixture
def step() -> Step:
    return only(family(), "/responses")[0]


def log(minutes: dict[str, float | None]) -> Log:
    return Log(Console(file=StringIO(), width=200), minutes, every=0)


def said(log: Log) -> str:
    assert isinstance(log.console.file, StringIO)
    return log.console.file.getvalue()


def test_a_line_says_what_is_left_of_the_step_and_of_the_build(step: Step) -> None:
    shown = log({**MINUTES})
    shown.begins(step)
    shown.progressed(step, HALF)
    assert "family · responses        5 of 10 steps, build about 18 min 00 s" in said(shown)


def test_tiers_that_will_not_be_built_are_not_waited_for(step: Step) -> None:
    shown = log({**MINUTES})
    shown.begins(step)
    shown.failed(only(family(), "mini/start")[0])
    shown.held_back("nano")
    shown.progressed(step, HALF)
    assert "mini · start              failed" in said(shown)
    assert "nano                      held back" in said(shown)
    assert "build about 2 min 00 s" in said(shown)


def test_nothing_is_said_of_the_build_where_the_plan_cannot_know(step: Step) -> None:
    shown = log({**MINUTES, "nano/distill": None})
    shown.begins(step)
    shown.progressed(step, HALF)
    assert "build about" not in said(shown)
