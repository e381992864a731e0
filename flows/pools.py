"""Steps on Prefect's work pools: an order goes to a deployment, and a worker of its pool makes it.

Whoever ordered waits, without a place in the pool, passes on what went wrong, and cancels the run
if it is stopped itself. What is made stands in the store, which workers see under the same path, or
at the same URL.
"""

import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Self
from uuid import UUID

import httpx
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.filters import (
    FlowRunFilter,
    FlowRunFilterState,
    FlowRunFilterStateType,
    FlowRunFilterTags,
)
from prefect.client.schemas.objects import TERMINAL_STATES, FlowRun, State, StateType
from prefect.client.schemas.sorting import FlowRunSort
from prefect.deployments import run_deployment
from prefect.exceptions import ObjectNotFound
from prefect.states import Cancelling
from pydantic import BaseModel

from family.errors import DescentError, StageError
from family.lineage.record import record
from family.plan import Step
from family.run import Made
from family.spec import FamilySpec
from family.stage import Recipe
from family.stopping import Stop
from family.store import Store
from flows import stages
from flows.names import sentence

#: Seconds between looks at a run, before it is said that nobody takes it, and for its end once it
#: is cancelled.
EVERY, LATE, PATIENCE = 1.0, 30.0, 60.0


class Order(BaseModel):
    """A step as a worker gets it."""

    family: str
    tier: str
    name: str
    where: str
    sources: dict[str, str]
    stage: str
    version: int
    variant: str
    """The settings' type, one of those that the stage takes."""
    settings: dict[str, Any]
    inputs: dict[str, str]
    key: str

    @classmethod
    def of(cls, step: Step, family: str) -> Self:
        recipe = step.recipe
        return cls(
            family=family,
            tier=step.tier,
            name=step.name,
            where=step.where,
            sources=dict(step.sources),
            stage=recipe.stage,
            version=recipe.version,
            variant=type(recipe.settings).__name__,
            settings=recipe.settings.model_dump(mode="json"),
            inputs=dict(recipe.inputs),
            key=recipe.key,
        )

    @property
    def step(self) -> Step:
        """The step, if it is the same here: DescentError if this is another descent."""
        stage = stages.STAGES[self.stage]
        variant = next(one for one in stage.settings if one.__name__ == self.variant)
        settings = variant.model_validate(self.settings, by_name=True)
        recipe = Recipe(stage.name, stage.version, settings, self.inputs)
        if recipe.key != self.key:
            raise DescentError(
                f"{self.tier or 'family'} · {self.name}: {self.key[:12]} was ordered, and here its "
                f"key is {recipe.key[:12]}. The worker has another version of descent-family than "
                f"the build; install the same one."
            )
        return Step(self.tier, self.name, recipe, self.where, self.sources)


def deployment(family: str, pool: str) -> str:
    """The name of the deployment by which workers of a pool make a family's steps."""
    return f"{family}.{pool}"


def check(spec: FamilySpec) -> None:
    """DescentError if stages are to run on pools for which the family is not deployed."""
    missing = []
    with get_client(sync_client=True) as client:
        for pool in sorted({*spec.runs_on.values()}):
            try:
                client.read_deployment_by_name(f"stage/{deployment(spec.family, pool)}")
            except ObjectNotFound:
                missing.append(pool)
    if missing:
        raise DescentError(
            f"runs_on: {spec.family} is not deployed for {', '.join(missing)} on this Prefect "
            f"server. Deploy it (descent deploy CONFIG), with PREFECT_API_URL naming the server "
            f"that its workers ask."
        )


def made_on(
    pool: str, step: Step, family: str, store: Store, stop: Stop, warn: Callable[[str], None]
) -> Made:
    """Have a step made by a worker of the pool. Raises StageError with what the worker says, and
    KeyboardInterrupt if `stop` was asked for."""
    run = _ordered_before(step) or _order(pool, step, family, store)
    state = _ended(run, f"{step.title}: nobody in the work pool {pool} takes it yet", stop, warn)
    if stop.asked.is_set():
        raise KeyboardInterrupt(f"{step.title} was stopped")
    if not state.is_completed():
        error = StageError(f"{state.message or state.name}\n  A worker of pool {pool} says so.")
        error.may_pass = state.is_crashed()  # the worker is lost; a failure it tried again itself
        raise error
    if not (manifest := store.look(step.recipe.key)):
        raise StageError(
            f"{step.title}: a worker of pool {pool} made it, but not in {store.place}. Workers "
            f"must see the store under this very path, or at this URL."
        )
    record(store, manifest, family, step.tier, step.name)  # a worker's folder has its own index
    return Made("reused" if state.name == "Reused" else "built", manifest)


def _order(pool: str, step: Step, family: str, store: Store) -> UUID:
    order = Order.of(step, family).model_dump(mode="json")
    made = run_deployment(
        f"stage/{deployment(family, pool)}",
        parameters={"order": order, "store": store.place},
        timeout=0,
        flow_run_name=sentence(step),
        tags=[family, step.recipe.stage, step.recipe.key],
    )
    assert isinstance(made, FlowRun)  # in a task that does not await
    return made.id


def _ordered_before(step: Step) -> UUID | None:
    """The run that a build which was killed had ordered, if it goes on."""
    live = [kind for kind in StateType if kind not in TERMINAL_STATES]
    which = FlowRunFilter(
        tags=FlowRunFilterTags(all_=[step.recipe.key]),
        state=FlowRunFilterState(type=FlowRunFilterStateType(any_=live)),
    )
    with get_client(sync_client=True) as client:
        newest = FlowRunSort.EXPECTED_START_TIME_DESC
        found = client.read_flow_runs(flow_run_filter=which, sort=newest, limit=1)
    return found[0].id if found else None


def _ended(run: UUID, late: str, stop: Stop, warn: Callable[[str], None]) -> State[Any]:
    """The state in which a run ends. A server that is away for a while is asked again."""
    begun = time.monotonic()
    with get_client(sync_client=True) as client:
        while not stop.asked.wait(EVERY):
            with suppress(httpx.TransportError):
                state = _state(client, run)
                if state.is_final():
                    return state
                if late and state.is_scheduled() and time.monotonic() > begun + LATE:
                    warn(late)
                    late = ""
        client.set_flow_run_state(run, Cancelling(message="Stopped."))
        until = time.monotonic() + PATIENCE
        while not (state := _state(client, run)).is_final() and time.monotonic() < until:
            time.sleep(EVERY)
        return state


def _state(client: SyncPrefectClient, run: UUID) -> State[Any]:
    state = client.read_flow_run(run).state
    assert state  # every run has one
    return state
