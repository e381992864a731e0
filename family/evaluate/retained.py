"""How much of what the flagship can do a tier has kept."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path

from family.spec import RETENTION
from family.stage import Metric, Outcome, digest_json
from family.store import OUTCOME

#: Half a 95 % interval in standard errors of a normal distribution.
HALF_WIDTH = 1.96


def beside(
    found: Sequence[Metric], reference: Path | None, higher_is_better: Mapping[str, bool]
) -> tuple[Metric, ...]:
    """The figures, each with its retention if the flagship was measured in `reference`.

    Only figures of one protocol are divided. Where the flagship's is nothing (it solves none of
    a task), there is nothing to keep."""
    if reference is None:
        return tuple(found)
    measured = Outcome.model_validate_json((reference / OUTCOME).read_bytes()).metrics
    flagship = {(metric.name, metric.protocol): metric for metric in measured}
    kept: list[Metric] = []
    for metric in found:
        kept.append(metric)
        best = flagship.get((metric.name, metric.protocol))
        if best and best.value and metric.value:
            kept.append(_retention(metric, best, higher=higher_is_better[metric.name]))
        elif best and best.value and higher_is_better[metric.name]:
            kept.append(_retention(metric, best, higher=True))
    return tuple(kept)


def _retention(tier: Metric, flagship: Metric, *, higher: bool) -> Metric:
    """Tier over flagship, or the other way round where lower is better.

    Its interval takes the two errors for independent, which errs on the wide side: both answered
    the same samples."""
    top, bottom = (tier, flagship) if higher else (flagship, tier)
    value = top.value / bottom.value
    errors = [_error(one) for one in (top, bottom)]
    half = HALF_WIDTH * math.hypot(errors[0], value * errors[1]) / abs(bottom.value)
    return Metric(
        about=tier.about,
        name=tier.name + RETENTION,
        value=value,
        n=tier.n,
        low=value - half if half else None,
        high=value + half if half else None,
        unit=tier.unit,
        protocol=digest_json({"retention": tier.protocol, "flagship": flagship.value}),
    )


def _error(metric: Metric) -> float:
    """Standard error, as its interval tells; 0 for none."""
    if metric.low is None or metric.high is None:
        return 0.0
    return (metric.high - metric.low) / (2 * HALF_WIDTH)
