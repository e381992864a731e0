"""What `descent deploy` and `descent serve` begin with."""

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from family.errors import DescentError

if TYPE_CHECKING:
    from prefect.deployments.runner import RunnerDeployment

    from family.spec import FamilySpec


def found(config: Path, store: Path) -> "tuple[FamilySpec, list[RunnerDeployment]]":
    """A family and its deployments; SpecError if its file has faults."""
    from export.targets import faults
    from family.load import load
    from flows.deployments import deployments

    spec = load(config, faults)
    return spec, list(deployments(spec, config, store))


def on_pools(
    spec: "FamilySpec", made: "Iterable[RunnerDeployment]", pool: str | None, config: Path
) -> "list[tuple[str, RunnerDeployment]]":
    """Each deployment with its work pool: the family's own, and those of `runs_on`."""
    from flows.deployments import for_pools

    if not (pool or spec.runs_on):
        raise DescentError(
            "rebuild.pool: no work pool is named. Name one there or with --pool, or run the "
            f"family on this machine: descent serve {config}"
        )
    return [*for_pools(spec).items(), *((pool, one) for one in made if pool)]
