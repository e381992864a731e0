"""Where the steps of a build run, and how many of them side by side.

Nothing here decides what is built, so a change rebuilds nothing.
"""

from typing import Literal, Self

from pydantic import Field, model_validator

from family.stage import Settings

#: The stages that are work; the others take a moment, and run where the build does.
HeavyStage = Literal[
    "flagship",
    "responses",
    "kept",
    "corpus",
    "signal",
    "vocabulary",
    "candidates",
    "start",
    "distill",
    "post_train",
    "evaluate",
    "export",
    "verify",
    "capabilities",
    "rouge",
]


class Running(Settings):
    """How a build goes about its steps: each begins as soon as its inputs are there and there is
    room, and what stands further up in the family file goes first."""

    runner: Literal["threads", "processes", "dask", "ray"] = Field(
        "threads",
        description="Prefect's task runner for the steps that no pool of `runs_on` has. `dask` and "
        "`ray` are extras of the package.",
    )
    address: str | None = Field(
        None,
        description="The scheduler of a Dask or Ray cluster, whose workers see the store under the "
        "same path or URL; left out, a cluster on this machine that lasts as long as the build.",
    )
    heavy: int = Field(
        1,
        ge=1,
        description="Heavy steps at a time, outside pools. `verify`, which times decoding, has the "
        "machine to itself.",
    )
    ahead: bool = Field(
        True,
        description="Begin a tier while the gate of one that it builds on is still measured, on "
        "what would stand idle. If that gate is missed, the tier is held back and what it had "
        "sealed is kept. `false` waits for the gate.",
    )

    @model_validator(mode="after")
    def _has_a_cluster(self) -> Self:
        if self.address and self.runner not in ("dask", "ray"):
            raise ValueError(f"`address` names a cluster, and {self.runner} have none")
        return self
