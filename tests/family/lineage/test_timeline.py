"""When the steps of a build ran, told from manifests alone."""

from pathlib import Path

import pytest

from family.errors import DescentError, NotFoundError
from family.lineage.timeline import (
    Timeline,
    chart,
    draw,
    headline,
    last_build,
    timeline,
    timeline_of,
)
from family.stage import Outcome
from family.store import Manifest, Origin, Store


def made(step: str, minute: float, minutes: float, *needs: str, tier: str = "mini") -> Manifest:
    """An artifact whose key is its step's name."""
    hour, within = divmod(minute, 60)
    return Manifest(
        key=step,
        recipe={"inputs": {need: need for need in needs}},
        files={},
        outcome=Outcome(),
        origin=Origin(
            family="toys",
            tier=tier,
            step=step,
            started=f"2026-01-01T{int(hour):02d}:{int(within):02d}:00.000+00:00",
            seconds=60 * minutes,
        ),
    )


@pytest.fixture
def built() -> list[Manifest]:
    """mini is exported and scored while nano is trained."""
    return [
        made("flagship", 0, 1, tier=""),
        made("distill", 1, 10, "flagship"),
        made("evaluate", 11, 4, "distill"),
        made("export:int4", 11, 3, "distill"),
        made("nano", 11, 8, "distill", tier="nano"),
    ]


def test_the_wall_time_is_that_of_what_ran_side_by_side(built: list[Manifest]) -> None:
    found = timeline_of("toys", built)
    assert found.wall == 19 * 60
    assert found.work == 26 * 60


def test_the_longest_chain_is_the_least_wall_time_that_there_could_be(
    built: list[Manifest],
) -> None:
    assert timeline_of("toys", built).longest == (1 + 10 + 8) * 60


def test_spans_begin_where_the_build_does(built: list[Manifest]) -> None:
    spans = {span.step: span for span in timeline_of("toys", reversed(built)).spans}
    assert (spans["flagship"].begin, spans["evaluate"].begin) == (0, 660)
    assert spans["nano"].end == 19 * 60


def test_what_a_pause_divides_is_of_two_builds(built: list[Manifest]) -> None:
    later = [made("gate", 36, 1), made("again", 90, 2), made("and again", 100, 2)]
    assert [one.key for one in last_build([*built, *later])] == ["again", "and again"]


def test_a_long_step_is_no_pause() -> None:
    found = [made("distill", 0, 300), made("export", 299, 5)]
    assert len(last_build(found)) == 2


def test_the_headline_says_what_was_gained(built: list[Manifest]) -> None:
    said = "toys: 19 min 00 s for 26 min 00 s of work, whose longest chain takes 19 min 00 s"
    assert headline(timeline_of("toys", built)) == said


@pytest.fixture
def found(built: list[Manifest]) -> Timeline:
    return timeline_of("toys", built)


def test_the_chart_has_a_bar_for_each_step_that_tells_what_it_is(found: Timeline) -> None:
    said = [shape.says for shape in chart(found).shapes if getattr(shape, "says", "")]
    assert len(said) == 5
    assert said[3] == "mini · export int4: 3 min 00 s, from 11 min 00 s on"


@pytest.mark.parametrize("ending", ["svg", "png"])
def test_the_chart_is_drawn_by_the_ending_of_the_file(
    found: Timeline, tmp_path: Path, ending: str
) -> None:
    draw(found, tmp_path / f"here/toys.{ending}")
    assert (tmp_path / f"here/toys.{ending}").stat().st_size > 1000


def test_another_ending_is_refused(found: Timeline, tmp_path: Path) -> None:
    with pytest.raises(DescentError, match=r"drawn as \.png or \.svg"):
        draw(found, tmp_path / "toys.gif")


def test_a_family_that_is_not_there_is_named_with_those_that_are(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match=r"no family toys\. Families here: none"):
        timeline(Store(tmp_path / "store"), "toys")
