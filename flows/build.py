"""The family as a flow: what all tiers share, then each tier as a subflow."""

from collections.abc import Collection, Iterable, Sequence
from pathlib import Path

from prefect import flow, tags
from prefect.client.schemas.objects import State
from prefect.states import Cancelled

from family.errors import DescentError, GateError
from family.lineage.follow import follow
from family.lineage.record import set_heads
from family.lineage.timeline import timeline_of
from family.plan import Step
from family.spec import FamilySpec
from family.stage import Verdict
from family.store import Store
from flows import artifacts, planning, pools, reports
from flows.crew import Crew, HeldBackError, crew, engage
from flows.server import be_patient
from flows.stopped import show_as_cancelled
from flows.watch import watching


class IncompleteError(DescentError):
    """Tiers failed or missed a bound; whatever does not build on them was built."""

    def __init__(self, errors: Collection[DescentError], held_back: Collection[str]) -> None:
        super().__init__("\n".join([*map(str, errors), *held_back]))
        if all(isinstance(error, GateError) for error in errors):
            self.exit_code = GateError.exit_code


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
        wait: Whether to queue behind another build of this family, or else to refuse.
    """
    be_patient()
    opened = Store(store)
    follow(opened)
    pools.check(spec)
    with tags(spec.family), opened.lock(spec.family, wait=wait, on_wait=watching().warned):
        steps = planning.steps(spec, opened)
        forget_others(steps, spec.family, opened)
        set_heads(opened, spec.family)  # makes the index too, before several steps at once would
        with Crew(spec, steps, opened) as makers:
            engage(makers)
            makers.make(steps_of("", steps))
            failed = makers.side_by_side(
                spec.tiers,
                lambda name: build_tier(spec.family, name, steps_of(name, steps), opened.root),
            )
        set_heads(opened, spec.family)
        reports.publish(opened, spec.family)
        if makers.built:
            artifacts.timeline(timeline_of(spec.family, makers.built))
    if failed:
        raise IncompleteError(failed.values(), makers.held.values())


def build_tier(family: str, name: str, steps: Sequence[Step], store: Path) -> None:
    """Build a tier once its turn comes, or show that it is held back."""
    with tags(name):
        try:
            crew().await_turn(steps)
        except HeldBackError as error:
            hold_back(name, str(error), return_state=True)
            watching().held_back(name)
            return
        shown = tier(family, name, steps, store, return_state=True)
        if not shown.is_cancelled():
            shown.result()


# Takes its steps, not the spec that they follow from: deriving all steps anew and recording the
# whole spec, tier by tier, would grow with the square of the tiers.
@flow(
    name="tier",
    flow_run_name="Build {name}",
    retries=0,
    persist_result=False,
    on_crashed=[show_as_cancelled],
)
def tier(family: str, name: str, steps: Sequence[Step], store: Path) -> "State[None] | None":
    """Build one tier. Raises GateError if it misses a bound; its work is sealed all the same.

    One that is begun ahead of the verdict on a tier that it builds on is held back by a bad one.

    Args:
        family: The family that it is of.
        name: The tier.
        steps: What it takes to build it, each step after what it needs.
        store: Where the artifacts are.
    """
    try:
        made = crew().make(steps)
    except HeldBackError as error:
        return Cancelled(name="Held back", message=str(error))
    verdicts = made["gate"].manifest.outcome.verdicts
    artifacts.gate(family, name, verdicts)
    if missed := [_miss(verdict) for verdict in verdicts if not verdict.passed]:
        raise GateError(f"{name} missed its gate: {'; '.join(missed)}")
    return None


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


def forget_others(steps: Iterable[Step], family: str, store: Store) -> None:
    """Take from the family's head the steps that it no longer has."""
    head, known = store.head(family), {step.id for step in steps}
    if head.keys() - known:
        store.set_head(family, {one: key for one, key in head.items() if one in known})


def _miss(verdict: Verdict) -> str:
    return (
        f"{verdict.bound} {verdict.limit:.4g}, measured {verdict.value:.4g}: "
        f"missed by {abs(verdict.value - verdict.limit):.2g}"
    )
