"""A family's flows as Prefect deployments: rebuild it on its schedule and when something happens,
release it, and look at its flagship. `descent deploy` registers them for work pools, `descent
serve` runs them on this machine."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from prefect import schedules
from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import ConcurrencyLimitConfig, ConcurrencyLimitStrategy
from prefect.deployments.runner import RunnerDeployment
from prefect.events import DeploymentEventTrigger
from prefect.flows import Flow
from prefect.types.entrypoint import EntrypointType

from family.errors import DescentError
from family.remote.place import place_of
from family.spec import FamilySpec
from family.upkeep import Cron, Interval, RRule, Schedule
from flows.events import CHANGED, PROMOTED, resource
from flows.look import look
from flows.pools import deployment
from flows.rebuild import rebuild
from flows.release import release
from flows.worker import on_pool

#: Work pools in one answer; the server gives no more.
MOST = 200
OVERLAP = {
    "cancel": ConcurrencyLimitStrategy.CANCEL_NEW,
    "queue": ConcurrencyLimitStrategy.ENQUEUE,
}


def deployments(spec: FamilySpec, config: Path, store: Path) -> Iterator[RunnerDeployment]:
    """What a family has: `rebuild`, `release` and, if its flagship is watched, `look`."""
    where = {"config": str(config.absolute()), "store": place_of(store)}
    kept = spec.rebuild
    yield _deployed(
        rebuild,
        spec,
        where,
        f"Rebuild what is stale of {spec.family}. {spec.description}".strip(),
        schedule=kept.schedule,
        triggers=[
            _when(spec.family, CHANGED, "its flagship changed"),
            *(_when(other, PROMOTED, f"{other} was promoted") for other in kept.after),
        ],
    )
    yield _deployed(
        release,
        spec,
        {
            "family": spec.family,
            "store": where["store"],
            "hours": kept.approve_within.total_seconds() / 3600,
            "fall": kept.fall,
        },
        f"Release {spec.family}, once somebody approves it.",
    )
    if kept.watch:
        every = Interval(kind="interval", every=kept.watch)
        yield _deployed(look, spec, where, "Look whether the flagship changed.", schedule=every)


def for_pools(spec: FamilySpec) -> dict[str, RunnerDeployment]:
    """By pool, that by which its workers make the steps that `runs_on` gives to it."""
    return {
        pool: RunnerDeployment.from_flow(
            on_pool,
            deployment(spec.family, pool),
            description=f"Make steps of {spec.family} that a build orders: {', '.join(made)}.",
            tags=[spec.family, *spec.rebuild.tags],
            entrypoint_type=EntrypointType.MODULE_PATH,
        )
        for pool in sorted({*spec.runs_on.values()})
        if (made := [stage for stage, place in spec.runs_on.items() if place == pool])
    }


def check_pools(asked: Mapping[str, str]) -> None:
    """`asked` has the settings that name pools. DescentError for all that are not there."""
    with get_client(sync_client=True) as client:
        # Without a limit the client sends none, which the server refuses.
        there = {one.name for one in client.read_work_pools(limit=MOST)}
    missing = {where: pool for where, pool in asked.items() if pool not in there}
    if missing:
        known = f"There is {', '.join(sorted(there))}." if there else "There is none yet."
        faults = "; ".join(f"{where} names {pool}" for where, pool in missing.items())
        make = " && ".join(
            f"prefect work-pool create {pool} --type process"
            for pool in sorted({*missing.values()})
        )
        raise DescentError(f"Prefect has no such work pool: {faults}. {known} Make it: {make}")


def register(found: RunnerDeployment, pool: str) -> None:
    """Register a deployment for a work pool."""
    found.apply(work_pool_name=pool)


def _deployed(
    flow: Flow[Any, Any],
    spec: FamilySpec,
    parameters: Mapping[str, object],
    description: str,
    *,
    schedule: Schedule | None = None,
    triggers: Sequence[DeploymentEventTrigger] = (),
) -> RunnerDeployment:
    return RunnerDeployment.from_flow(
        flow,
        spec.family,
        parameters=dict(parameters),
        description=description,
        tags=[spec.family, *spec.rebuild.tags],
        schedule=_schedule(schedule),
        triggers=[*triggers],
        concurrency_limit=ConcurrencyLimitConfig(
            limit=1, collision_strategy=OVERLAP[spec.rebuild.overlap]
        ),
        entrypoint_type=EntrypointType.MODULE_PATH,
    )


def _when(family: str, event: str, because: str) -> DeploymentEventTrigger:
    return DeploymentEventTrigger(
        name=f"rebuild when {because}",
        expect={event},
        match={"prefect.resource.id": resource(family)},
    )


def _schedule(schedule: Schedule | None) -> schedules.Schedule | None:
    match schedule:
        case Cron():
            return schedules.Cron(schedule.cron, timezone=schedule.timezone)
        case Interval():
            return schedules.Interval(schedule.every, timezone=schedule.timezone)
        case RRule():
            return schedules.RRule(schedule.rrule, timezone=schedule.timezone)
        case None:
            return None
