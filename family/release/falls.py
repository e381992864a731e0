"""Whether a tier is worse than in the last release, by more than its family allows.

Figures are compared under one protocol only. When what is held out has changed, the released model
is scored again on it first: `outdated` says which figures need that.
"""

from collections.abc import Iterable, Iterator, Mapping

from pydantic import Field

from family.lineage.notes.compare import HIGHER_IS_BETTER
from family.lineage.queries import Lineage
from family.lineage.released import ReleaseView
from family.lineage.views import Figure, Measured, Status, View


class Fall(View):
    """One figure of one tier against what it was in the last release."""

    tier: str
    metric: str = Field(description="`agreement`, or of a file set `int4/megabytes`.")
    limit: float = Field(description="The most by which it may be worse.")
    before: float | None
    now: float | None
    worse: float | None = Field(description="By how much; below 0 it is better.")
    passed: bool | None = Field(description="Null where the two cannot be compared.")
    why: str = Field(description="Why they cannot.")


def last_release(lineage: Lineage, family: str, alias: str = "production") -> ReleaseView | None:
    """What the family is held against: where the alias stands, else the highest version."""
    there = lineage.releases(family)
    return next((one for one in there if alias in one.aliases), there[0] if there else None)


def falls(
    lineage: Lineage, family: str, before: ReleaseView, most: Mapping[str, float]
) -> tuple[Fall, ...]:
    """Each metric of `most` for each tier that the family has now and had then."""
    return tuple(
        _fall(tier, metric, limit, figure, _then(lineage, family, before, tier, metric, figure))
        for tier, metric, limit, figure in _figures(lineage.status(family), most)
    )


def outdated(lineage: Lineage, family: str, before: ReleaseView, most: Iterable[str]) -> set[str]:
    """Tiers whose released model was never scored as the tier is now."""
    limits = dict.fromkeys(most, 0.0)
    return {
        tier
        for tier, metric, _, figure in _figures(lineage.status(family), limits)
        if figure and "/" not in metric and _is_old(lineage, family, before, tier, figure)
    }


def _figures(
    now: Status, most: Mapping[str, float]
) -> Iterator[tuple[str, str, float, Figure | None]]:
    for tier in now.tiers:
        for metric, limit in most.items():
            file, _, name = metric.rpartition("/")
            measured: Measured | None = tier.file(file) if file else tier
            yield tier.tier, metric, limit, measured.figure(name) if measured else None


def _then(
    lineage: Lineage,
    family: str,
    before: ReleaseView,
    tier: str,
    metric: str,
    now: Figure | None,
) -> Figure | None:
    """The released model's figure: under the protocol of today if there is one."""
    file, _, name = metric.rpartition("/")
    place = f"{family}/{tier}/{file}" if file else f"{family}/{tier}"
    held = {one.tier for one in lineage.status(family, before.version).tiers}
    if tier not in held:
        return None
    figures = [one for one in lineage.show(f"{place}@{before.version}").metrics if one.name == name]
    same = (one for one in figures if now and one.protocol == now.protocol)
    return next(same, figures[0] if figures else None)


def _is_old(lineage: Lineage, family: str, before: ReleaseView, tier: str, now: Figure) -> bool:
    then = _then(lineage, family, before, tier, now.name, now)
    return then is not None and then.protocol != now.protocol


def _fall(tier: str, metric: str, limit: float, now: Figure | None, then: Figure | None) -> Fall:
    worse, why = None, ""
    if now is None or then is None:
        why = "not measured " + ("now" if now is None else "in the last release")
    elif now.protocol != then.protocol:
        why = "measured under another protocol"
    else:
        rose = now.value - then.value
        worse = -rose if now.name in HIGHER_IS_BETTER else rose
    return Fall(
        tier=tier,
        metric=metric,
        limit=limit,
        before=then.value if then else None,
        now=now.value if now else None,
        worse=worse,
        passed=None if worse is None else worse <= limit,
        why=why,
    )
