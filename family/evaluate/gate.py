"""Whether a tier may go on."""

import json
from collections.abc import Mapping
from pathlib import Path

from family.errors import DescentError
from family.spec import Bound, Gate
from family.stage import Metric, Outcome, Verdict
from family.store import OUTCOME


def gate(inputs: Mapping[str, Path], settings: Gate, out: Path) -> Outcome:
    """Hold each bound against what was measured. A missed bound is a sealed verdict."""
    measured = [
        metric
        for folder in inputs.values()
        for metric in Outcome.model_validate_json((folder / OUTCOME).read_bytes()).metrics
    ]
    verdicts = tuple(
        verdict for bound in settings.bounds for verdict in _judge(bound, _find(bound, measured))
    )
    (out / "verdicts.json").write_text(
        json.dumps([verdict.model_dump() for verdict in verdicts], indent=2)
    )
    return Outcome(verdicts=verdicts, facts={"passed": all(v.passed for v in verdicts)})


def _find(bound: Bound, measured: list[Metric]) -> Metric:
    about = bound.file or "model"
    for metric in measured:
        if metric.about == about and metric.name == bound.metric:
            return metric
    there = sorted({f"{m.about} {m.name}" for m in measured})
    raise DescentError(
        f"gate: {bound.metric} was not measured on {about}. Measured: {', '.join(there)}"
    )


def _judge(bound: Bound, metric: Metric) -> list[Verdict]:
    name = f"{bound.file} {bound.metric}" if bound.file else bound.metric
    found = []
    if bound.min is not None:
        passed = metric.value >= bound.min
        found.append(
            Verdict(bound=f"{name} at least", limit=bound.min, value=metric.value, passed=passed)
        )
    if bound.max is not None:
        passed = metric.value <= bound.max
        found.append(
            Verdict(bound=f"{name} at most", limit=bound.max, value=metric.value, passed=passed)
        )
    return found
