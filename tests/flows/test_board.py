"""Which steps may begin, without any of them being made."""

from typing import Any

import pytest

from family.plan import steps
from family.spec import FamilySpec
from flows.board import Board
from flows.stages import STAGES
from tests.toys import LEAVES, family

#: mini, and nano from it; edge from the flagship.
START = {"kind": "prune", "shape": {"layers": 2}}
TIERS: dict[str, Any] = {"mini": {}, "nano": {"start": {**START, "from": "mini"}}, "edge": {}}


class Play:
    """A board on which steps take until they are ended."""

    def __init__(self, **settings: Any) -> None:
        self.spec: FamilySpec = family(TIERS, **settings)
        self.steps = {step.id: step for step in steps(self.spec, LEAVES, STAGES)}
        self.board = Board(self.spec, self.steps.values(), STAGES)
        self.made: set[str] = set()

    def may(self) -> list[str]:
        """What may begin now."""
        return [name for name, step in self.steps.items() if self.board.may_begin(step)]

    def begin(self, *names: str) -> None:
        self.made.update(names)
        for name in names:
            assert self.board.may_begin(self.steps[name]), name
            self.board.begin(self.steps[name])

    def end(self, *names: str) -> None:
        for name in names:
            self.board.end(self.steps[name], there=True)

    def make(self, *names: str) -> None:
        for name in names:
            self.begin(name)
            self.end(name)

    def make_tier(self, tier: str, *, passed: bool = True) -> list[str]:
        """All that is left of a tier."""
        mine = [one for one in self.steps.values() if one.tier == tier]
        self.make(*(one.id for one in mine if one.id not in self.made))
        return self.board.judged(tier, passed=passed) if tier else []


@pytest.fixture
def pooled() -> Play:
    """Training is on one pool, all that follows it on another; what tiers share is there."""
    rest = dict.fromkeys(("evaluate", "export", "verify"), "cpu")
    play = Play(runs_on={"start": "gpu", "distill": "gpu", **rest})
    play.make_tier("")
    return play


def test_on_one_machine_heavy_steps_go_one_after_the_other_in_the_family_s_order() -> None:
    play = Play()
    order = []
    while may := [one for one in play.may() if STAGES[play.steps[one].recipe.stage].heavy]:
        assert len(may) == 1
        order += may
        play.make(*may)
        for light in [one for one in play.may() if not STAGES[play.steps[one].recipe.stage].heavy]:
            play.make(light)
            if light.endswith("/gate"):
                play.board.judged(light.split("/")[0], passed=True)
    heavy = [one for one in play.steps if STAGES[play.steps[one].recipe.stage].heavy]
    assert order == heavy


def test_light_steps_begin_beside_a_heavy_one() -> None:
    play = Play()
    play.begin("/flagship")
    assert "/prompts" in play.may()
    assert not [one for one in play.may() if STAGES[play.steps[one].recipe.stage].heavy]


def test_with_room_for_two_what_measures_time_still_runs_alone() -> None:
    play = Play(running={"heavy": 2})
    play.make_tier("")
    play.make("mini/start", "mini/distill")
    play.begin("mini/evaluate")
    play.make("mini/export:fp32", "mini/export:int8", "mini/export:int4")
    assert play.may() == []  # verify is next, and waits for evaluate: nano's start does not slip in
    play.end("mini/evaluate")
    play.begin("mini/verify")
    assert play.may() == []


def test_what_runs_on_a_pool_needs_no_room_here(pooled: Play) -> None:
    assert pooled.may() == ["mini/start", "edge/start"]


def test_the_next_tier_is_distilled_while_the_one_before_it_is_exported(pooled: Play) -> None:
    pooled.make("mini/start", "mini/distill")
    pooled.begin("mini/evaluate", "mini/export:int4")
    assert "nano/start" in pooled.may()


def test_a_tier_is_not_judged_before_those_that_it_builds_on(pooled: Play) -> None:
    pooled.make("mini/start", "mini/distill")
    pooled.make(*(one for one in pooled.steps if one.startswith("nano/") and one != "nano/gate"))
    assert "nano/gate" not in pooled.may()
    pooled.make(*(one for one in pooled.may() if one.startswith("mini/")))
    pooled.make("mini/verify", "mini/gate")
    assert "nano/gate" not in pooled.may()
    pooled.board.judged("mini", passed=True)
    assert pooled.may() == ["nano/gate", "edge/start"]


def test_a_missed_gate_holds_back_what_was_begun_ahead_of_it_and_nothing_else(pooled: Play) -> None:
    pooled.make("mini/start", "mini/distill")
    pooled.begin("nano/start")
    assert pooled.board.judged("mini", passed=False) == ["nano"]
    pooled.end("nano/start")
    assert pooled.may() == ["edge/start"]
    assert pooled.board.held == {"nano": "mini"}


def test_a_family_that_works_nothing_ahead_waits_for_the_gate() -> None:
    play = Play(runs_on={"start": "gpu"}, running={"ahead": False})
    play.make_tier("")
    play.make("mini/start", "mini/distill")
    assert "nano/start" not in play.may()
    play.make_tier("mini")
    assert "nano/start" in play.may()


def test_a_failed_step_ends_its_tier() -> None:
    play = Play()
    play.make_tier("")
    play.begin("mini/start")
    play.board.end(play.steps["mini/start"], there=False)
    assert play.may() == ["edge/start"]


def test_who_is_held_back_holds_back_in_turn() -> None:
    tiers = {**TIERS, "edge": {"start": {**START, "from": "nano"}}}
    spec = family(tiers)
    board = Board(spec, steps(spec, LEAVES, STAGES), STAGES)
    assert board.judged("mini", passed=False) == ["nano", "edge"]
    assert board.held == {"nano": "mini", "edge": "nano"}


def test_what_two_tiers_have_in_common_is_made_once(pooled: Play) -> None:
    pooled.begin("mini/start")
    assert "edge/start" not in pooled.may()  # the same shape from the same parent
    pooled.end("mini/start")
    assert "edge/start" in pooled.may()
