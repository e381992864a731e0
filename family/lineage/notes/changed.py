"""What was changed between two moments of a family, whom it concerns, and what moved with it."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from sqlalchemy import Connection

from family.lineage.changes import Change, Diff, Difference, EdgeChange, causes, diff
from family.lineage.names import Names
from family.lineage.notes.data import Cause, Surroundings
from family.lineage.notes.moment import Moment
from family.lineage.now import measures
from family.stage import digest_json

MODEL, EXPORT = "distill", "export:"
ABOUT = "/about"


@dataclass
class Changed:
    """Each change once, with the tiers that it concerns."""

    _causes: dict[str, tuple[Change, list[str]]] = field(default_factory=dict)
    _edges: list[EdgeChange] = field(default_factory=list)
    _around: dict[str, tuple[Difference, list[str]]] = field(default_factory=dict)

    @property
    def causes(self) -> tuple[Cause, ...]:
        """Those that concern the most tiers first."""
        found = sorted(self._causes.values(), key=lambda one: -len(one[1]))
        return tuple(
            Cause(**change.model_dump(exclude={"through"}), tiers=tuple(tiers))
            for change, tiers in found
        )

    @property
    def edges(self) -> tuple[EdgeChange, ...]:
        """Edges of models and files, tier by tier."""
        return tuple(self._edges)

    @property
    def surroundings(self) -> tuple[Surroundings, ...]:
        """Packages and machines of the training."""
        return tuple(
            Surroundings(**one.model_dump(), tiers=tuple(tiers))
            for one, tiers in self._around.values()
        )

    def add_causes(self, tier: str, found: Iterator[Change] | tuple[Change, ...]) -> None:
        """Note changes that concern a tier; an empty one: the family's words alone."""
        for change in found:
            same = digest_json(change.model_dump(exclude={"through"}))
            _, tiers = self._causes.setdefault(same, (change, []))
            if tier and tier not in tiers:
                tiers.append(tier)

    def add(self, tier: str, found: Diff, *, trained: bool) -> None:
        """Note what differs between two models of a tier; `trained` if they are no exports."""
        self.add_causes(tier, found.causes)
        for edge in found.edges:
            before, after = _made_as(edge.before), _made_as(edge.after)
            if before != after or edge.detail:
                named = {"child": _made_as(edge.child), "before": before, "after": after}
                self._edges.append(edge.model_copy(update=named))
        for one in found.environment if trained else ():
            same = digest_json(one.model_dump())
            self._around.setdefault(same, (one, []))[1].append(tier)


def changed(connection: Connection, names: Names, after: Moment, before: Moment) -> Changed:
    """What was changed in the tiers that both moments have, and in the family's words."""
    found = Changed()
    for tier in after.status.tiers:
        was, now = before.steps(tier.tier), after.steps(tier.tier)
        pairs = {step: (was[step], key) for step, key in now.items() if step in was}
        pairs = {step: pair for step, pair in pairs.items() if pair[0] != pair[1]}
        for step, pair in pairs.items():
            if step == MODEL or step.startswith(EXPORT):
                found.add(tier.tier, diff(connection, names, *pair), trained=step == MODEL)
        for step, pair in pairs.items():
            if measures(step):  # a gate's bounds are compared one by one
                found.add_causes(tier.tier, causes(connection, names, *pair))
    if ABOUT in before.places and ABOUT in after.places:
        words = before.places[ABOUT], after.places[ABOUT]
        found.add_causes("", causes(connection, names, *words))
    return found


def _made_as(name: str | None) -> str | None:
    """A model's name without the id that tells a superseded one from the present one."""
    return name.partition("@")[0] if name else None
