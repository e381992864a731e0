"""What `descent deploy` and `descent serve` begin with."""

from pathlib import Path
from typing import TYPE_CHECKING

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
