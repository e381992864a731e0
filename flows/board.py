"""Which steps of a build may begin. Knows no threads and no Prefect: whoever makes the steps asks,
and tells what became of them."""

from collections.abc import Collection, Iterable, Mapping

from family.plan import Step
from family.spec import FLAGSHIP, FamilySpec
from family.stage import Stage


class Board:
    """The steps of a family, and how far each of them and each tier is.

    A step may begin once its inputs are there. A heavy step that no pool has also needs room on
    this machine, which goes to the one that stands first in the family. The last step of a tier,
    which judges it, waits for the verdicts on the tiers that this one builds on: nothing passes
    that builds on what did not.
    """

    def __init__(
        self, spec: FamilySpec, steps: Iterable[Step], stages: Mapping[str, Stage]
    ) -> None:
        self._running = spec.running
        self._stages = stages
        self._pools = {str(stage): pool for stage, pool in spec.runs_on.items()}
        self._below = {
            name: {tier.start.parent, tier.teacher} - {FLAGSHIP}
            for name, tier in spec.tiers.items()
        }
        self._to_begin = {step.id: step for step in steps}
        self._last = {step.tier: step.id for step in self._to_begin.values()}
        self._at_work: dict[str, Step] = {}
        self._there: set[str] = set()
        self._passed: set[str] = set()
        self.held: dict[str, str] = {}
        """Tier -> the one because of which it is not built."""
        self._over: set[str] = set()
        self._first: Step | None = None
        self._turned()

    def pool(self, step: Step) -> str | None:
        """The work pool that runs the step, if one does."""
        return self._pools.get(step.recipe.stage)

    def may_begin(self, step: Step) -> bool:
        if step.id not in self._to_begin or not self._ready(step):
            return False
        return not self._needs_room(step) or (step is self._first and self._has_room(step))

    def begin(self, step: Step) -> None:
        del self._to_begin[step.id]
        self._at_work[step.id] = step
        self._turned()

    def end(self, step: Step, *, there: bool) -> None:
        """A step has ended; its artifact is there, or its tier is not going on."""
        del self._at_work[step.id]
        if there:
            self._there.add(step.id)
        else:
            self._over.add(step.tier)
        self._turned()

    def judged(self, tier: str, *, passed: bool) -> list[str]:
        """A tier is built and met its bounds, or not; the tiers that are held back by that."""
        self._over.add(tier)
        held = []
        if passed and tier not in self.held:
            self._passed.add(tier)
        else:
            lost = {tier}
            for name, below in self._below.items():  # none builds on one further down
                if name not in self._over and (because := sorted(below & lost)):
                    lost.add(name)
                    held.append(name)
                    self.held[name] = because[0]
            self._over.update(held)
        self._turned()
        return held

    def sure(self, tier: str) -> bool:
        """Whether all that the tier builds on has passed."""
        return self._below.get(tier, set()) <= self._passed

    def _turned(self) -> None:
        """Whose turn it is, when there is room for a heavy step."""
        waiting = self._to_begin.values()
        self._first = next(
            (one for one in waiting if self._needs_room(one) and self._ready(one)), None
        )

    def _ready(self, step: Step) -> bool:
        if step.tier in self._over or not self._there.issuperset(step.sources.values()):
            return False
        # What another tier is just making too, will soon be there for both.
        if any(one.recipe.key == step.recipe.key for one in self._at_work.values()):
            return False
        certain = not self._running.ahead or step.id == self._last[step.tier]
        return self.sure(step.tier) or not certain

    def _needs_room(self, step: Step) -> bool:
        return self._stages[step.recipe.stage].heavy and self.pool(step) is None

    def _has_room(self, step: Step) -> bool:
        here = [one for one in self._at_work.values() if self._needs_room(one)]
        if self._alone([step]):
            return not here
        return len(here) < self._running.heavy and not self._alone(here)

    def _alone(self, steps: Collection[Step]) -> bool:
        return any(self._stages[step.recipe.stage].alone for step in steps)
