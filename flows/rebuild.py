"""Bring a family up to date: look at every input, build what is stale, hold it against the last
release, and ask for approval. Where nothing is stale it ends in seconds."""

from collections.abc import Collection, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from prefect import flow, tags, task
from prefect.cache_policies import NO_CACHE
from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import FlowRun, State
from prefect.deployments import run_deployment
from prefect.exceptions import ObjectNotFound
from prefect.states import Completed

from export.targets import faults
from family import run
from family.errors import GateError
from family.lineage.follow import follow
from family.lineage.queries import Lineage
from family.lineage.record import record_aside
from family.load import load
from family.plan import Planned
from family.release.falls import Fall, falls, last_release, outdated
from family.spec import FamilySpec
from family.store import Store
from flows import artifacts, planning, stages
from flows.build import build
from flows.look import tracked
from flows.refusals import in_plain_words
from flows.release import frozen


@flow(name="rebuild", flow_run_name="Rebuild {config.stem}", retries=0, persist_result=False)
@in_plain_words
def rebuild(
    config: Path,
    store: Path = Path(".descent"),
    changes: Mapping[str, Any] | None = None,
    release: bool = True,
) -> State[str]:
    """Rebuild what is stale of the family that the file `config` describes.

    Where nothing is stale it ends in seconds. Raises what `build` does, and GateError if a tier is
    worse than in the last release by more than the family allows.

    Args:
        config: The family file.
        store: Where the artifacts are.
        changes: A part of a family file, laid over it: `{"tiers": {"edge": {"distill": ...}}}`.
        release: Whether what was built becomes the candidate, and waits for approval.
    """
    spec = tracked(load(config, faults, changes))
    opened = Store(store)
    follow(opened)
    with tags(spec.family):
        planned = looked_at(spec, opened)
        stale = [one for one in planned if one.status == "stale"]
        if not stale:
            return Completed(name="Nothing stale", message=f"All {len(planned)} steps are reused.")
        build(spec, opened.root)
        hold_against_the_last(spec, opened)
        if not release:
            return Completed(message=f"{len(stale)} steps were stale, and are built.")
        return Completed(name="Released", message=ask(spec, opened, stale))


@task(
    name="look",
    task_run_name="Look at what is stale of {spec.family}",
    cache_policy=NO_CACHE,
    persist_result=False,
)
def looked_at(spec: FamilySpec, store: Store) -> list[Planned]:
    """Plan against what the store has, and leave the plan as a table."""
    planned = planning.planned(spec, store)
    artifacts.stale(spec.family, planned)
    return planned


@task(
    name="compare",
    task_run_name="Hold {spec.family} against its last release",
    cache_policy=NO_CACHE,
    persist_result=False,
)
def hold_against_the_last(spec: FamilySpec, store: Store) -> tuple[Fall, ...]:
    """GateError if a tier fell further than `rebuild.fall` allows."""
    lineage, most = Lineage(store), spec.rebuild.fall
    before = last_release(lineage, spec.family)
    if before is None or not most:
        return ()
    if old := outdated(lineage, spec.family, before, most):
        score_again(spec, store, lineage, old, before.version)
    found = falls(lineage, spec.family, before, most)
    artifacts.falls(spec.family, before.version, found)
    if fell := [one for one in found if one.passed is False]:
        raise GateError("\n".join(_fell(one, before.version) for one in fell))
    return found


def score_again(
    spec: FamilySpec, store: Store, lineage: Lineage, tiers: Collection[str], version: str
) -> None:
    """Score the released models of these tiers on what is held out now."""
    for now in planning.steps(spec, store):
        if now.name == "evaluate" and now.tier in tiers:
            old = lineage.resolve(f"{spec.family}/{now.tier}@{version}").key
            recipe = replace(now.recipe, inputs={**now.recipe.inputs, "model": old})
            step = replace(now, name=f"evaluate:{version}", recipe=recipe)
            made = run.make(step, spec.family, stages.STAGES["evaluate"], store, recorded=False)
            record_aside(store, made.manifest)


def ask(spec: FamilySpec, store: Store, stale: list[Planned]) -> str:
    """Have the family released: by its deployment, which waits for a person, or here and now."""
    tiers = sorted({one.step.tier for one in stale if one.step.tier})
    note = f"Rebuilt: {', '.join(tiers) or 'what all tiers share'}."
    name = f"release/{spec.family}"
    within = spec.rebuild.approve_within
    if not _is_deployed(name):
        made = frozen(store, spec.family, None, note, within, spec.rebuild.fall)
        return f"{made.version} waits: descent approve {spec.family} {made.version}"
    parameters = {"family": spec.family, "store": store.place, "note": note}
    run = f"Release {spec.family}"
    started = run_deployment(
        name, parameters=parameters, timeout=0, as_subflow=False, flow_run_name=run
    )
    assert isinstance(started, FlowRun)  # in a flow that does not await
    return f"The run `{started.name}` waits for approval."


def _is_deployed(name: str) -> bool:
    with get_client(sync_client=True) as client:
        try:
            client.read_deployment_by_name(name)
        except ObjectNotFound:
            return False
    return True


def _fell(one: Fall, version: str) -> str:
    return (
        f"{one.tier} fell against {version}: {one.metric} {one.before:.4g} → {one.now:.4g}, worse "
        f"by {one.worse:.2g} where {one.limit:g} is allowed"
    )
