"""What a build leaves in Prefect's interface besides runs: progress, verdicts, reports."""

import re
import time
from uuid import UUID

from prefect.artifacts import (
    create_progress_artifact,
    create_table_artifact,
    update_progress_artifact,
)

from family.plan import Step
from family.progress import Progress
from family.stage import Verdict


def key(*parts: str) -> str:
    """An artifact's key, which Prefect wants in lower case, digits and dashes."""
    return re.sub(r"[^a-z0-9]+", "-", "-".join(part for part in parts if part).lower())


class ProgressBar:
    """A step's progress, made at its first report and renewed every few seconds."""

    def __init__(self, family: str, step: Step, every: float = 5.0) -> None:
        self._key = key(family, step.tier, step.name)
        self._title = step.title
        self._every = every
        self._due = 0.0
        self._artifact: UUID | None = None

    def __call__(self, progress: Progress) -> None:
        now = time.monotonic()
        if now < self._due and progress.done < progress.total:
            return
        self._due = now + self._every
        percent = 100 * min(progress.done / progress.total, 1.0) if progress.total else 0.0
        if self._artifact is None:
            made = create_progress_artifact(percent, self._key, f"{self._title}: {progress}")
            assert isinstance(made, UUID)
            self._artifact = made
        else:
            update_progress_artifact(self._artifact, percent, f"{self._title}: {progress}")


def gate(family: str, tier: str, verdicts: tuple[Verdict, ...]) -> None:
    """A gate's verdicts as a table; a gate without bounds leaves none."""
    if verdicts:
        rows = [verdict.model_dump() for verdict in verdicts]
        create_table_artifact(rows, key(family, tier, "gate"), f"The gate of {tier}")
