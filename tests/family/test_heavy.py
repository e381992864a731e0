"""The builder's side of a heavy stage; what its processes do stands in `test_run`."""

from io import StringIO

import pytest

from family import child, heavy
from family.run import make
from family.store import Store
from tests.toys import family, make_one, only


def test_a_builder_that_torchrun_started_does_not_pass_its_place_on(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in (("RANK", "1"), ("WORLD_SIZE", "2"), ("LOCAL_RANK", "1")):
        monkeypatch.setenv(name, value)
    made = make_one(store, responses="tells_its_place")
    assert (store.folder(made.manifest.key) / "place").read_text() == "0 of 1"


def test_several_processes_know_their_places_and_the_first_one_tells(store: Store) -> None:
    step, stage = only(
        family(responses={"distributed": {"processes": 2}}), responses="tells_its_place"
    )
    made = make(step, "toys", stage, store)
    assert made.manifest.origin.environment["processes"] == 2
    assert made.manifest.outcome.model


def said(**reports: object) -> str:
    return child.Said(report=child.Report.model_validate(reports)).model_dump_json() + "\n"


@pytest.mark.parametrize(
    ("first", "then"),
    [
        # Another process has gone; the first to notice may tell before who knows why.
        (said(error="gone", may_pass=True), said(error="ValueError: three is not four")),
        (said(error="RuntimeError: closed"), said(error="process 2 of 2 was ended", lost=True)),
        (said(error="process 1 of 2 ended", lost=True), said(error="diverged", expected=True)),
        (said(error="RuntimeError: closed"), said(outcome={"facts": {"steps": 7}})),
    ],
)
def test_the_report_from_which_the_others_follow_counts(first: str, then: str) -> None:
    wanted = child.Said.model_validate_json(then).report
    assert heavy._heard(StringIO(first + then), None) == wanted
    assert heavy._heard(StringIO(then + first), None) == wanted


def test_a_report_that_was_cut_by_a_kill_is_none() -> None:
    whole, cut = said(error="diverged", expected=True), said(outcome={})[:-9]
    assert heavy._heard(StringIO(whole + cut), None).error == "diverged"
    assert heavy._heard(StringIO(cut), None) == child.Report()
