"""A family's deployments as a `prefect.yaml`, for teams that deploy with `prefect deploy`."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import yaml
from prefect.deployments.runner import RunnerDeployment

Places = Iterable[tuple[str, RunnerDeployment]]


def text(places: Places, command: str, folder: Path) -> str:
    """The file: each deployment with its work pool. Paths below `folder` are written relative to
    it, which is where the file stands and where its flows run; `command` wrote it."""
    found = {
        "name": "descent",
        "deployments": [_deployment(one, pool, folder) for pool, one in places],
    }
    body = yaml.safe_dump(found, sort_keys=False, allow_unicode=True, width=100)
    return f"# Written by: {command}\n# Register it with: prefect deploy --all\n{body}"


def _deployment(found: RunnerDeployment, pool: str, folder: Path) -> dict[str, Any]:
    options = found.concurrency_options
    asked = {
        "name": found.name,
        "description": found.description,
        "tags": found.tags,
        "entrypoint": found.entrypoint,
        "parameters": _relative(found.parameters, folder),
        "schedules": [
            one.schedule.model_dump(mode="json", exclude_unset=True, exclude_none=True)
            for one in found.schedules or ()
            if one.schedule
        ],
        "triggers": [
            one.model_dump(mode="json", exclude_unset=True) for one in found.triggers or ()
        ],
        "concurrency_limit": options
        and {
            "limit": found.concurrency_limit,
            "collision_strategy": options.collision_strategy.value,
        },
        "work_pool": {"name": pool},
    }
    return {name: value for name, value in asked.items() if value}


def _relative(parameters: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    below = f"{folder.absolute()}/"
    return {
        name: value.removeprefix(below) if isinstance(value, str) else value
        for name, value in parameters.items()
    }
