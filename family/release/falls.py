"""Whether a tier is worse than in the last release, by more than its family allows.

Figures are compared under one protocol only. When what is held out has changed, the released model
is scored again on it first: `outdated` says which figures need that.
"""

from collections.abc import Iterable, Iterator, Mapping

from pydantic import Field

from family.lineage.notes.compare import higher_is_better
from family.lineage.queries import Lineage
from family.lineage.released import ReleaseView
from family.lineage.views import Figure, Member, Shipped, View


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
    """Each metric of `most` for each tier that the family has now."""
    return tuple(
        _fall(tier, metric, most[metric], now, then)
        for tier, metric, now, then in _figures(lineage, family, before, most)
    )


def outdated(lineage: Lineage, family: str, before: ReleaseView, most: Iterable[str]) -> set[str]:
    """Tiers whose released model was never scored as the tier is now."""
    metrics = [metric for metric in most if "/" not in metric]
    return {
        tier
        for tier, _, now, then in _figures(lineage, family, before, metrics)
        if now and then and now.protocol != then.protocol
    }


def _figures(
    lineage: Lineage, family: str, before: ReleaseView, metrics: Iterable[str]
) -> Iterator[tuple[str, str, Figure | None, Figure | None]]:
    """Tier, metric, and its figures now and then."""
    released = {tier.tier: tier for tier in lineage.status(family, before.version).tiers}
    for tier in lineage.status(family).tiers:
        for metric in metrics:
            file, _, name = metric.rpartition("/")
            measured = _part(tier, file)
            now = measured.figure(name) if measured else None
            old = _part(released.get(tier.tier), file)
            yield tier.tier, metric, now, _then(lineage, old.model, name, now) if old else None


def _part(tier: Member | None, file: str) -> Member | Shipped | None:
    """A tier itself, or one of its sets of files."""
    return tier.file(file) if tier and file else tier


def _then(lineage: Lineage, model: str, name: str, now: Figure | None) -> Figure | None:
    """A released model's figure: under the protocol of today if there is one."""
    figures = [one for one in lineage.show(model).metrics if one.name == name]
    same = (one for one in figures if now and one.protocol == now.protocol)
    return next(same, figures[0] if figures else None)


def _fall(tier: str, metric: str, limit: float, now: Figure | None, then: Figure | None) -> Fall:
    worse, why = None, ""
    if now is None or then is None:
        why = "not measured " + ("now" if now is None else "in the last release")
    elif now.protocol != then.protocol:
        why = "measured under another protocol"
    else:
        rose, fell = now.value - then.value, then.value - now.value
        worse = fell if higher_is_better(now.name) else rose
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
