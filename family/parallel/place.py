"""Which of a stage's processes this one is: torchrun tells it through the environment."""

import os
from dataclasses import dataclass

#: What torchrun tells each of its processes. A builder may itself have been started with it; what
#: it starts alone must not take it for its own.
TOLD = ("RANK", "WORLD_SIZE", "LOCAL_RANK", "LOCAL_WORLD_SIZE")


@dataclass(frozen=True)
class Place:
    """One of `world` processes, counted from 0 over all nodes."""

    rank: int
    world: int

    @property
    def first(self) -> bool:
        """Whether it is the one that writes the artifact."""
        return self.rank == 0


def here() -> Place:
    """This process' place; a process that torchrun did not start is alone."""
    return Place(int(os.environ.get("RANK", 0)), int(os.environ.get("WORLD_SIZE", 1)))


def meet() -> None:
    """Return once all of the stage's processes have come to this line."""
    if here().world == 1:
        return
    import torch.distributed as processes

    processes.init_process_group("gloo")
    processes.barrier()
