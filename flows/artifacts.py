"""What a build leaves in Prefect's interface besides runs: progress, verdicts, reports."""

import re
import time
from collections.abc import Iterable
from uuid import UUID

from prefect.artifacts import (
    create_markdown_artifact,
    create_progress_artifact,
    create_table_artifact,
    update_progress_artifact,
)

from family.ledger import Release, release_folder
from family.plan import Planned, Step
from family.progress import Progress
from family.release.falls import Fall
from family.release.publish import NOTES
from family.stage import Verdict
from family.store import Store


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


def stale(family: str, planned: Iterable[Planned]) -> None:
    """What a rebuild finds: every step that is stale, and why."""
    found = [one for one in planned if one.status == "stale"]
    rows = [{"step": one.step.title, "why": one.reason} for one in found]
    said = f"{len(found)} steps of {family} are stale" if found else "Nothing is stale"
    create_table_artifact(rows, key(family, "stale"), said)


def falls(family: str, version: str, found: Iterable[Fall]) -> None:
    """Every tier against the last release."""
    rows = [one.model_dump() for one in found]
    create_table_artifact(rows, key(family, "falls"), f"{family} against {version}")


def release(store: Store, made: Release) -> None:
    """What a person looks at before approving: the notes, and what licences ask."""
    name = f"{made.family} {made.version}"
    notes = (release_folder(store, made.family, made.version) / NOTES).read_text()
    create_markdown_artifact(notes, key(made.family, "draft"), f"Notes of {name}")
    rows = [
        {"duty": one.subject, "status": one.status, "says": one.detail["says"]}
        for one in made.obligations
    ]
    create_table_artifact(rows, key(made.family, "licences"), f"What licences ask of {name}")


def gate(family: str, tier: str, verdicts: tuple[Verdict, ...]) -> None:
    """A gate's verdicts as a table; a gate without bounds leaves none."""
    if verdicts:
        rows = [verdict.model_dump() for verdict in verdicts]
        create_table_artifact(rows, key(family, tier, "gate"), f"The gate of {tier}")
