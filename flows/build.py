"""The family as a flow: what all tiers share, then each tier as a subflow."""

from collections.abc import Collection, Iterable, Sequence
from pathlib import Path
from typing import Any

from prefect import Flow, flow, tags
from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import FlowRun, State
from prefect.context import TagsContext
from prefect.exceptions import TerminationSignal
from prefect.states import Cancelled

from family.errors import DescentError, GateError, StoreError
from family.lineage.record import set_heads
from family.plan import Step
from family.run import Made
from family.spec import FamilySpec
from family.stage import Verdict
from family.store import Store
from flows import artifacts, planning, reports
from flows.tasks import stage
from flows.watch import watcher


class IncompleteError(DescentError):
    """Tiers failed or missed a bound; whatever does not build on them was built."""

    def __init__(self, errors: Collection[DescentError], held_back: Collection[str]) -> None:
        super().__init__("\n".join([*map(str, errors), *held_back]))
        if all(isinstance(error, GateError) for error in errors):
            self.exit_code = GateError.exit_code


def show_as_cancelled(flow: Flow[..., Any], flow_run: FlowRun, state: State[Any]) -> None:
    """Show a run that its user stopped as what it is: Prefect takes that for a crash."""
    if isinstance(state.data, (KeyboardInterrupt, TerminationSignal)):
        with get_client(sync_client=True) as client:
            client.set_flow_run_state(flow_run.id, Cancelled(message="Stopped."), force=True)


@flow(
    name="build",
    flow_run_name="Build {spec.family}",
    retries=0,
    persist_result=False,
    on_crashed=[show_as_cancelled],
)
def build(spec: FamilySpec, store: Path = Path(".descent"), wait: bool = True) -> None:
    """Build what is stale of a family into the store, and report.

    A tier that fails or misses a bound holds back what builds on it, and everything else is built;
    IncompleteError tells of it in the end.

    Args:
        spec: The family.
        store: Where the artifacts are.
        wait: Whether to queue behind another build of this store, or else to refuse.
    """
    opened = Store(store)
    with tags(spec.family), opened.lock(wait=wait, on_wait=watcher.get().warned):
        steps = planning.steps(spec, opened)
        forget_others(steps, spec.family, opened)
        make(steps_of("", steps), spec.family, opened)
        failed: dict[str, DescentError] = {}
        held: dict[str, str] = {}
        for name in spec.tiers:
            with tags(name):
                if because := _stopped_by(spec, name, {*failed, *held}):
                    held[name] = f"{name} is held back, since it builds on {because}"
                    hold_back(name, held[name], return_state=True)
                    continue
                try:
                    tier(spec.family, name, steps_of(name, steps), opened.root)
                except StoreError:  # a full disk, say: no other tier would fare better
                    raise
                except DescentError as error:
                    failed[name] = error
        set_heads(opened, spec.family)
        reports.publish(opened, spec.family)
    if failed:
        raise IncompleteError(failed.values(), held.values())


# Takes its steps, not the spec that they follow from: deriving all steps anew and recording the
# whole spec, tier by tier, would grow with the square of the tiers.
@flow(
    name="tier",
    flow_run_name="Build {name}",
    retries=0,
    persist_result=False,
    on_crashed=[show_as_cancelled],
)
def tier(family: str, name: str, steps: Sequence[Step], store: Path) -> None:
    """Build one tier. Raises GateError if it misses a bound; its work is sealed all the same.

    Args:
        family: The family that it is of.
        name: The tier.
        steps: What it takes to build it, each step after what it needs.
        store: Where the artifacts are.
    """
    made = make(steps, family, Store(store))
    verdicts = made["gate"].manifest.outcome.verdicts
    artifacts.gate(family, name, verdicts)
    if missed := [_miss(verdict) for verdict in verdicts if not verdict.passed]:
        raise GateError(f"{name} missed its gate: {'; '.join(missed)}")


@flow(name="tier held back", flow_run_name="Hold back {name}", persist_result=False)
def hold_back(name: str, because: str) -> State[None]:
    """Show a tier that is not built.

    Args:
        name: The tier.
        because: Which tier it builds on, that is not there.
    """
    return Cancelled(name="Held back", message=because)


def steps_of(tier: str, steps: Iterable[Step]) -> list[Step]:
    """The steps of one tier, or with "" of what all share."""
    return [step for step in steps if step.tier == tier]


def make(steps: Iterable[Step], family: str, store: Store) -> dict[str, Made]:
    """Make steps one after the other; by the step's name. The family's head moves with each."""
    made = {}
    for step in steps:
        # Not with the tier's name, which its flow has: for each set of tags Prefect keeps a thread
        # with a client that asks whether they are limited. Were no two tasks' tags the same, that
        # would be half of the time in which a build reuses its steps.
        with TagsContext(current_tags={family, step.recipe.stage}):
            made[step.name] = stage(step, family, store).result()
        head = store.head(family)
        if head.get(step.id) != step.recipe.key:
            store.set_head(family, {**head, step.id: step.recipe.key})
    return made


def forget_others(steps: Iterable[Step], family: str, store: Store) -> None:
    """Take from the family's head the steps that it no longer has."""
    head, known = store.head(family), {step.id for step in steps}
    if head.keys() - known:
        store.set_head(family, {one: key for one, key in head.items() if one in known})


def _stopped_by(spec: FamilySpec, name: str, stopped: Collection[str]) -> str | None:
    """The tier in `stopped` that `name` starts from or is taught by."""
    tier = spec.tiers[name]
    return next((one for one in (tier.start.parent, tier.teacher) if one in stopped), None)


def _miss(verdict: Verdict) -> str:
    return (
        f"{verdict.bound} {verdict.limit:.4g}, measured {verdict.value:.4g}: "
        f"missed by {abs(verdict.value - verdict.limit):.2g}"
    )
