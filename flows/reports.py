"""What a build leaves to read: the scorecard, the licences, the release notes, the map and the
report; and what a release shows to whoever is to approve it."""

import os
from collections.abc import Iterable, Mapping
from pathlib import Path

from family.drawing.svg import document
from family.ledger import Release, release_folder
from family.lineage.licences import BLOCKING, Obligation
from family.lineage.map import draw, picture
from family.lineage.points import points
from family.lineage.queries import Lineage
from family.lineage.report import gather, html
from family.lineage.scorecard import Scorecard, scorecard
from family.lineage.words import markdown_table
from family.release.falls import Fall
from family.release.publish import NOTES
from family.store import Store
from flows import artifacts
from flows.artifacts import key

REPORT = "report.html"
#: Where the store's `reports` folder is served, if it is: `http://models:8080`.
SERVED = "DESCENT_REPORTS_URL"


def folder(store: Store, family: str) -> Path:
    """Where a family's reports are."""
    return store.root / "reports" / family


def publish(store: Store, family: str) -> None:
    """Leave the family's reports with its Prefect runs, and as files in the store."""
    records = Lineage(store)
    report = gather(records, records.status(family))
    status, text, card = report.status, report.notes, scorecard(report.status)
    drawn = len(points(status)) > 1
    asked = [(tier, duty) for tier, found in report.licences.items() for duty in found.obligations]
    artifacts.table(key(family, "scorecard"), card.records(), "\n\n".join(card.remarks))
    artifacts.table(
        key(family, "licences"), artifacts.duty_rows(asked), f"What licences ask of {family}."
    )
    artifacts.markdown(
        key(family, "notes"), f"{link(store, family)}\n\n{text}", f"Release notes of {family}."
    )
    if drawn:
        artifacts.image(
            key(family, "map"), document(picture(status, report.earlier)), f"Map of {family}."
        )

    out, page = folder(store, family), html(report)
    known = out / REPORT
    if known.exists() and known.read_text() == page:
        return  # nothing that is said has changed, and the picture costs a second
    out.mkdir(parents=True, exist_ok=True)
    if drawn:
        draw(status, out / "map.png", report.earlier)
    (out / "scorecard.md").write_text(card.markdown())
    (out / "notes.md").write_text(text)
    known.write_text(page)


def link(store: Store, family: str) -> str:
    """Leads to the family's report. No browser opens a file for a page that a server sent it, so
    where nothing serves the reports the address is there to be copied."""
    if served := os.environ.get(SERVED):
        return f"[The report]({served.rstrip('/')}/{family}/{REPORT})"
    return f"The report: `{(folder(store, family) / REPORT).as_uri()}`"


def release(
    store: Store, lineage: Lineage, made: Release, against: str, found: Iterable[Fall]
) -> None:
    """What a person looks at before approving, on one page, with the notes and the licences."""
    name = f"{made.family} {made.version}"
    notes = (release_folder(store, made.family, made.version) / NOTES).read_text()
    draft = artifacts.markdown(key(made.family, "draft"), notes, f"Notes of {name}.")
    tiers = {model: step.split("/")[0] for step, model in made.steps.items()}
    duties = artifacts.duty_rows(
        (tiers[one.model], Obligation.model_validate(one.detail)) for one in made.obligations
    )
    licences = artifacts.table(key(made.family, "duties"), duties, f"What licences ask of {name}.")
    card = scorecard(lineage.status(made.family, made.version))
    blocking = [row for row in duties if row["status"] in BLOCKING]
    falls = artifacts.fall_rows(found)
    parts = [
        f"# {name} waits for approval",
        f"A {made.change} release. {made.note} {deadline(made.approve_by)}",
        f"[The notes](../artifact/{draft}) · [What licences ask](../artifact/{licences})",
        link(store, made.family),
        "## Scorecard",
        _turned(card),
        "\n\n".join(card.remarks),
        f"## Against {against}" if against else "",
        _table(falls) if falls else "",
        "## Licences that block it" if blocking else "## No licence blocks it",
        _table(blocking)
        if blocking
        else f"{len(duties)} duties are met, or for a person to see to.",
        f"To approve: Resume the run, or `descent approve {name}`.",
    ]
    page = "\n\n".join(filter(None, parts))
    artifacts.markdown(key(made.family, "release", made.version), page, f"{name}, to be approved.")


def deadline(until: str | None) -> str:
    """Until when a release waits, in words; empty if it waits for ever."""
    if until is None:
        return ""
    return f"Without an answer until {until[:16].replace('T', ' ')} UTC it is rejected."


def _turned(card: Scorecard) -> str:
    """The scorecard with a column per model: a page beside Prefect's own columns is narrow."""
    columns, *figures = zip(card.columns, *card.rows, strict=True)
    return markdown_table(columns, figures)


def _table(rows: Iterable[Mapping[str, str]]) -> str:
    rows = [*rows]
    return markdown_table(tuple(rows[0]), [tuple(row.values()) for row in rows], left=len(rows[0]))
