"""On how many processes a step runs."""

from typing import Literal, Self

from pydantic import Field, model_validator

from family.stage import Settings


class Distributed(Settings):
    """How many processes share a step's work; started by torchrun if there are several.

    It enters no key, as the machine does not: the batches, their order and the steps are the same
    on any number of processes, and only sums are taken in another order. What is made is equal as
    it is on another processor, and who made it stands in the record.
    """

    processes: int = Field(1, ge=1, description="Processes on each node.")
    nodes: int = Field(
        1,
        ge=1,
        description="Machines that share the store's folder; `docs/distributed.md` says what to "
        "start on the others.",
    )
    address: str | None = Field(
        None,
        description="With several nodes: `host:port` of the one that builds, where the others find "
        "it.",
        pattern=r"^[^:\s]+:[0-9]{1,5}$",
    )

    @property
    def world(self) -> int:
        """Processes on all nodes."""
        return self.processes * self.nodes

    @model_validator(mode="after")
    def _found_by_the_others(self) -> Self:
        if self.nodes > 1 and not self.address:
            raise ValueError(
                f"{self.nodes} nodes need the `address` of the one that builds: "
                "`address: host:29500`"
            )
        return self


class DistributedTraining(Distributed):
    """Likewise for training: each process takes an equal share of every batch."""

    sharding: Literal["ddp", "fsdp"] = Field(
        "ddp",
        description="`ddp` keeps the whole student in each process; `fsdp` (FSDP2) cuts weights, "
        "gradients and optimizer state into shares, and gathers a layer's weights as it needs "
        "them.",
    )


def distributed(settings: Settings) -> Distributed:
    """Over which processes a step with these settings is spread."""
    found = getattr(settings, "distributed", None)
    return found if isinstance(found, Distributed) else Distributed()
