"""What runs leave in Prefect's interface besides themselves: progress, tables, pages, a picture."""

import re
import time
from base64 import b64encode
from collections.abc import Iterable, Mapping, Sequence
from uuid import UUID

from prefect.artifacts import (
    create_image_artifact,
    create_markdown_artifact,
    create_progress_artifact,
    create_table_artifact,
    update_progress_artifact,
)

from family.drawing.svg import document
from family.lineage.licences import BLOCKING, Obligation
from family.lineage.timeline import Timeline, chart, headline
from family.lineage.words import duration, rate
from family.plan import Planned, Step
from family.progress import Progress
from family.release.falls import Fall
from family.stage import Verdict
from flows.names import sentence

Rows = Sequence[Mapping[str, str]]


def key(*parts: str) -> str:
    """An artifact's key, which Prefect wants in lower case, digits and dashes."""
    return re.sub(r"[^a-z0-9]+", "-", "-".join(part for part in parts if part).lower())


class ProgressBar:
    """A step's progress, made at its first report and renewed every few seconds."""

    def __init__(self, family: str, step: Step, every: float = 5.0) -> None:
        self._key = key(family, step.tier, step.name)
        self._title = sentence(step)
        self._every = every
        self._due = 0.0
        self._first: dict[str, tuple[float, float]] = {}
        self._artifact: UUID | None = None

    def __call__(self, progress: Progress) -> None:
        now = time.monotonic()
        self._first.setdefault(progress.unit, (now, progress.done))
        if now < self._due and progress.done < progress.total:
            return
        self._due = now + self._every
        percent = 100 * min(progress.done / progress.total, 1.0) if progress.total else 0.0
        said = f"{self._title}: {progress}{self._pace(now, progress)}"
        if self._artifact is None:
            made = create_progress_artifact(percent, self._key, said)
            assert isinstance(made, UUID)
            self._artifact = made
        else:
            update_progress_artifact(self._artifact, percent, said)

    def _pace(self, now: float, progress: Progress) -> str:
        """`, 1,190 tokens/s, about 3 min 20 s left`, since the first report; empty at that."""
        since, already = self._first[progress.unit]
        if now == since or progress.done <= already:
            return ""
        pace = (progress.done - already) / (now - since)
        said = f", {rate(pace)} {progress.unit}/s"
        if left := progress.total - progress.done:
            said += f", about {duration(left / pace)} left"
        return said


def image(name: str, svg: str, said: str) -> None:
    """A picture. Prefect keeps an address of it, so here the address holds the picture."""
    create_image_artifact(
        f"data:image/svg+xml;base64,{b64encode(svg.encode()).decode()}", name, said
    )


def table(name: str, rows: Rows, said: str) -> UUID:
    """A table; the artifact's id."""
    made = create_table_artifact([dict(row) for row in rows], name, said)
    assert isinstance(made, UUID)
    return made


def markdown(name: str, text: str, said: str) -> UUID:
    """A page; the artifact's id."""
    made = create_markdown_artifact(text, name, said)
    assert isinstance(made, UUID)
    return made


def timeline(found: Timeline) -> None:
    """When the steps of a build ran."""
    image(key(found.family, "timeline"), document(chart(found)), headline(found))


def stale(family: str, planned: Iterable[Planned]) -> None:
    """What a rebuild finds: every step that is stale, and why."""
    found = [one for one in planned if one.status == "stale"]
    rows = [{"step": sentence(one.step), "why": one.reason} for one in found]
    table(key(family, "stale"), rows, f"{len(found) or 'No'} steps of {family} are stale.")


def gate(family: str, tier: str, verdicts: tuple[Verdict, ...]) -> None:
    """A gate's verdicts as a table; a gate without bounds leaves none."""
    if verdicts:
        rows = [
            {
                "bound": f"{one.bound} {one.limit:.4g}",
                "measured": f"{one.value:.4g}",
                "verdict": "passed" if one.passed else "missed",
            }
            for one in verdicts
        ]
        missed = sum(not one.passed for one in verdicts)
        said = f"{tier} missed {missed} of its bounds." if missed else f"{tier} passed its gate."
        table(key(family, tier, "gate"), rows, said)


def falls(family: str, version: str, found: Iterable[Fall]) -> None:
    """Every tier against the last release."""
    table(key(family, "falls"), fall_rows(found), f"{family} against {version}.")


def fall_rows(found: Iterable[Fall]) -> Rows:
    """A row for each figure: what it was, what it is, and whether it fell too far."""
    verdicts = {True: "passed", False: "fell", None: "not compared"}
    return [
        {
            "tier": one.tier,
            "metric": one.metric,
            "before": _figure(one.before),
            "now": _figure(one.now),
            "worse by": _figure(one.worse),
            "allowed": _figure(one.limit),
            "verdict": f"{verdicts[one.passed]}{one.why and f': {one.why}'}",
        }
        for one in found
    ]


def duty_rows(duties: Iterable[tuple[str, Obligation]]) -> Rows:
    """A row for each thing that licences ask, with the tiers of which; what blocks stands first."""
    tiers: dict[tuple[str, str], list[str]] = {}
    one_of: dict[tuple[str, str], Obligation] = {}
    for tier, duty in duties:
        tiers.setdefault((duty.id, duty.status), []).append(tier)
        one_of.setdefault((duty.id, duty.status), duty)
    return [
        {
            "duty": duty.id,
            "status": duty.status,
            "of": ", ".join(dict.fromkeys(tiers[place])),
            "asks": duty.says,
            "mend": duty.fix or "",
        }
        for place, duty in sorted(one_of.items(), key=lambda item: item[1].status not in BLOCKING)
    ]


def _figure(value: float | None) -> str:
    return "" if value is None else f"{value:.4g}"
