"""Which checkpoints are whole, and made with these very settings."""

import json
from pathlib import Path
from typing import Any

from transformers import TrainerCallback

from family.errors import DescentError

MARK = "whole.json"


class CheckpointMarks(TrainerCallback):  # type: ignore[misc]
    """Marks each checkpoint once it is written whole; a kill in the middle leaves no mark."""

    def __init__(self, folder: Path, fingerprint: str) -> None:
        self.folder = folder
        self.fingerprint = fingerprint

    def on_save(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        mark = self.folder / f"checkpoint-{state.global_step}" / MARK
        part = mark.with_suffix(".part")
        part.write_text(json.dumps({"fingerprint": self.fingerprint}))
        part.replace(mark)

    def last(self) -> str | None:
        """The whole checkpoint of the highest step; refuses one that was made otherwise."""
        whole = [mark.parent for mark in self.folder.glob(f"checkpoint-*/{MARK}")]
        if not whole:
            return None
        found = max(whole, key=lambda path: int(path.name.rpartition("-")[2]))
        if json.loads((found / MARK).read_text())["fingerprint"] != self.fingerprint:
            raise DescentError(
                f"{found} was made with another corpus, student or spec, and is not gone on "
                f"from. Remove {self.folder} to begin anew."
            )
        return str(found)
