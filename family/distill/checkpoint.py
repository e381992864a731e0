"""Which checkpoints are whole, and made with these very settings."""

from pathlib import Path
from typing import Any, Literal

from accelerate import PartialState
from transformers import TrainerCallback

from family.errors import DescentError
from family.stage import Settings

MARK = "whole.json"


class Mark(Settings):
    """What stands beside a checkpoint that was written whole."""

    fingerprint: str
    """Of the corpus, student and settings that it was made with."""
    sharding: Literal["ddp", "fsdp"] = "ddp"
    """How it is laid out. One process can go on from `ddp`, several from either."""


class CheckpointMarks(TrainerCallback):  # type: ignore[misc]
    """Marks each checkpoint once it is written whole; a kill in the middle leaves no mark."""

    def __init__(self, folder: Path, mark: Mark) -> None:
        self.folder = folder
        self.mark = mark

    def on_save(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        PartialState().wait_for_everyone()  # each process writes a part of it
        if not state.is_world_process_zero:
            return
        path = self.folder / f"checkpoint-{state.global_step}" / MARK
        part = path.with_suffix(".part")
        part.write_text(self.mark.model_dump_json())
        part.replace(path)

    def last(self) -> str | None:
        """The whole checkpoint of the highest step; refuses one that was made otherwise."""
        whole = [mark.parent for mark in self.folder.glob(f"checkpoint-*/{MARK}")]
        if not whole:
            return None
        found = max(whole, key=lambda path: int(path.name.rpartition("-")[2]))
        mark = Mark.model_validate_json((found / MARK).read_text())
        if mark.fingerprint != self.mark.fingerprint:
            raise DescentError(
                f"{found} was made with another corpus, student or spec, and is not gone on "
                f"from. Remove {self.folder} to begin anew."
            )
        if mark.sharding != self.mark.sharding:
            number = (
                "two processes or more" if mark.sharding == "fsdp" else "any number of processes"
            )
            raise DescentError(
                f"{found} is laid out for {mark.sharding}, and this training is set to "
                f"{self.mark.sharding}. Write `distributed: {{sharding: {mark.sharding}}}` with "
                f"{number} to go on from it, or remove {self.folder} to begin anew."
            )
        return str(found)
