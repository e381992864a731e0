"""The family as a flow: what all tiers share, then each tier as a subflow."""

from collections.abc import Collection
from pathlib import Path

from prefect import flow, tags
from prefect.client.schemas.objects import State
from prefect.states import Cancelled

from family import plan
from family.errors import GateError
from family.leaves import leaves
from family.lineage.record import set_heads
from family.plan import Leaves
from family.run import Made
from family.spec import FamilySpec
from family.stage import Verdict
from family.store import Store
from flows import artifacts, reports, stages
from flows.tasks import stage
from flows.watch import watcher


@flow(name="build", flow_run_name="{spec.family}", retries=0, persist_result=False)
def build(spec: FamilySpec, store: Path = Path(".descent"), wait: bool = True) -> None:
    """Build what is stale of a family into the store, and report.

    With `wait` it queues behind another build of this store, else it refuses. Raises GateError
    if a tier missed a bound: what descends from it is held back, everything else is built.
    """
    opened = Store(store)
    with tags(spec.family), opened.lock(wait=wait, on_wait=watcher.get().warned):
        digests = leaves(spec, opened.root / "digests.json")
        make(spec, digests, "", opened)
        missed: dict[str, str] = {}
        held: dict[str, str] = {}
        for name in spec.tiers:
            with tags(name):
                if because := _stopped_by(spec, name, {*missed, *held}):
                    held[name] = f"{name} is held back, since it builds on {because}"
                    hold_back(name, held[name], return_state=True)
                    continue
                try:
                    tier(spec, name, digests, opened.root)
                except GateError as error:
                    missed[name] = str(error)
        set_heads(opened, spec.family)
        reports.publish(opened, spec.family)
    if missed:
        raise GateError("\n".join([*missed.values(), *held.values()]))


@flow(name="tier", flow_run_name="{name}", retries=0, persist_result=False)
def tier(spec: FamilySpec, name: str, digests: Leaves, store: Path) -> None:
    """Build one tier. Raises GateError if it misses a bound; its work is sealed all the same."""
    made = make(spec, digests, name, Store(store))
    verdicts = made["gate"].manifest.outcome.verdicts
    artifacts.gate(spec.family, name, verdicts)
    if missed := [_miss(verdict) for verdict in verdicts if not verdict.passed]:
        raise GateError(f"{name} missed its gate: {'; '.join(missed)}")


@flow(name="tier held back", flow_run_name="{name}", persist_result=False)
def hold_back(name: str, because: str) -> State[None]:
    """Show a tier that is not built."""
    return Cancelled(name="Held back", message=because)


def make(spec: FamilySpec, digests: Leaves, tier: str, store: Store) -> dict[str, Made]:
    """Make the steps of one tier, or with "" of what all share; by the step's name.

    The family's head moves with each step, and forgets steps that the spec no longer has.
    """
    steps = plan.steps(spec, digests, stages.STAGES)
    made = {}
    for step in steps:
        if step.tier != tier:
            continue
        with tags(step.recipe.stage):
            made[step.name] = stage(step, spec.family, store).result()
        head = {**store.head(spec.family), step.id: step.recipe.key}
        store.set_head(spec.family, {one.id: head[one.id] for one in steps if one.id in head})
    return made


def _stopped_by(spec: FamilySpec, name: str, stopped: Collection[str]) -> str | None:
    """The tier in `stopped` that `name` starts from or is taught by."""
    tier = spec.tiers[name]
    return next((one for one in (tier.start.parent, tier.teacher) if one in stopped), None)


def _miss(verdict: Verdict) -> str:
    return (
        f"{verdict.bound} {verdict.limit:.4g}, measured {verdict.value:.4g}: "
        f"missed by {abs(verdict.value - verdict.limit):.2g}"
    )
