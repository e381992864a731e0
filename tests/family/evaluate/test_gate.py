from pathlib import Path

import pytest

from family.errors import DescentError
from family.evaluate.gate import gate
from family.spec import Bound, Gate
from family.stage import Metric, Outcome
from family.store import OUTCOME


def measured(folder: Path, **figures: float) -> Path:
    """An artifact whose metrics are `about__name=value`."""
    folder.mkdir()
    metrics = tuple(
        Metric(about=key.split("__")[0], name=key.split("__")[1], value=value, n=1, protocol="p")
        for key, value in figures.items()
    )
    (folder / OUTCOME).write_text(Outcome(metrics=metrics).model_dump_json())
    return folder


def judged(tmp_path: Path, *bounds: Bound) -> Outcome:
    inputs = {
        "evaluate": measured(tmp_path / "e", model__agreement=0.7, model__kl=0.4),
        "verify": measured(tmp_path / "v", int4__kl=0.2),
    }
    return gate(inputs, Gate(bounds=bounds), tmp_path)


def test_bounds_that_are_met_pass(tmp_path: Path) -> None:
    outcome = judged(
        tmp_path,
        Bound(metric="agreement", min=0.7),
        Bound(metric="kl", max=0.4),
        Bound(metric="kl", file="int4", max=0.25),
    )
    assert [verdict.passed for verdict in outcome.verdicts] == [True, True, True]
    assert outcome.facts["passed"] is True


def test_a_missed_bound_is_a_sealed_verdict_with_both_figures(tmp_path: Path) -> None:
    outcome = judged(tmp_path, Bound(metric="kl", file="int4", max=0.15))
    (verdict,) = outcome.verdicts
    assert (verdict.bound, verdict.limit, verdict.value, verdict.passed) == (
        "int4 kl at most",
        0.15,
        0.2,
        False,
    )
    assert outcome.facts["passed"] is False


def test_both_sides_of_a_bound_are_held(tmp_path: Path) -> None:
    outcome = judged(tmp_path, Bound(metric="agreement", min=0.8, max=0.9))
    assert [verdict.passed for verdict in outcome.verdicts] == [False, True]


def test_a_figure_that_was_not_measured_is_an_error_not_a_pass(tmp_path: Path) -> None:
    with pytest.raises(DescentError, match=r"not measured on int8\. Measured: int4 kl, model"):
        judged(tmp_path, Bound(metric="kl", file="int8", max=1))
