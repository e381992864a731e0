"""What Prefect's server knows of the runs."""

import os
import time

import httpx
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import (
    FlowRunFilter,
    FlowRunFilterId,
    FlowRunFilterName,
    FlowRunFilterParentFlowRunId,
)
from prefect.client.schemas.objects import Artifact, FlowRun, TaskRun
from prefect.client.schemas.sorting import FlowRunSort, TaskRunSort


def _read(which: FlowRunFilter) -> list[FlowRun]:
    with get_client(sync_client=True) as client:
        return client.read_flow_runs(
            flow_run_filter=which, sort=FlowRunSort.START_TIME_DESC, limit=50
        )


def every(name: str) -> list[FlowRun]:
    """The flow runs of this name, the newest first."""
    named = FlowRunFilter(name=FlowRunFilterName(any_=[name]))
    return _read(named)


def last(name: str) -> FlowRun:
    """The newest flow run of this name."""
    return every(name)[0]


def below(run: FlowRun) -> dict[str, FlowRun]:
    """A run's subflows, by the tier that they build or hold back."""
    parent = FlowRunFilter(parent_flow_run_id=FlowRunFilterParentFlowRunId(any_=[run.id]))
    return {one.name.split()[-1]: one for one in _read(parent)}


def stages(run: FlowRun, count: int) -> dict[str, TaskRun]:
    """A run's stages by name, as soon as `count` of them have ended: they arrive as events."""
    this = FlowRunFilter(id=FlowRunFilterId(any_=[run.id]))
    found: dict[str, TaskRun] = {}
    for _ in range(300):
        with get_client(sync_client=True) as client:
            runs = client.read_task_runs(flow_run_filter=this, sort=TaskRunSort.NAME_ASC, limit=50)
        found = {one.name: one for one in runs if one.task_key.startswith("stage-")}
        if sum(one.state is not None and one.state.is_final() for one in found.values()) == count:
            return found
        time.sleep(0.2)
    raise AssertionError(f"of {count} stages, the server knows {sorted(found)}")


def ended(run: FlowRun, name: str) -> TaskRun:
    """A run's task of this name, as soon as it has ended."""
    this = FlowRunFilter(id=FlowRunFilterId(any_=[run.id]))
    for _ in range(300):
        with get_client(sync_client=True) as client:
            found = client.read_task_runs(flow_run_filter=this, sort=TaskRunSort.NAME_ASC, limit=50)
        for one in found:
            if one.name == name and one.state is not None and one.state.is_final():
                return one
        time.sleep(0.2)
    raise AssertionError(f"{name} has not ended")


def artifacts(key: str) -> list[Artifact]:
    """The artifacts under `key`, the newest first."""
    asked = {"artifacts": {"key": {"any_": [key]}}, "sort": "CREATED_DESC"}
    found = httpx.post(f"{os.environ['PREFECT_API_URL']}/artifacts/filter", json=asked)
    return [Artifact.model_validate(one) for one in found.raise_for_status().json()]


def artifact(key: str) -> Artifact:
    """The newest artifact under `key`."""
    return artifacts(key)[0]
