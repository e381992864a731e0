"""What a build leaves to read: the scorecard, the release notes, the map and the report."""

from pathlib import Path

from prefect.artifacts import create_markdown_artifact, create_table_artifact

from family.lineage.map import draw
from family.lineage.points import points
from family.lineage.queries import Lineage
from family.lineage.report import gather, html
from family.lineage.scorecard import scorecard
from family.store import Store
from flows.artifacts import key


def folder(store: Store, family: str) -> Path:
    """Where a family's reports are."""
    return store.root / "reports" / family


def publish(store: Store, family: str) -> None:
    """Leave the family's reports with its Prefect runs, and as files in the store."""
    records = Lineage(store)
    report = gather(records, records.status(family))
    status, text, card = report.status, report.notes, scorecard(report.status)
    remarks = "\n\n".join(card.remarks)
    create_table_artifact(card.records(), key(family, "scorecard"), remarks)
    create_markdown_artifact(text, key(family, "notes"), f"Release notes of {family}")

    out, page = folder(store, family), html(report)
    known = out / "report.html"
    if known.exists() and known.read_text() == page:
        return  # nothing that is said has changed, and the picture costs a second
    out.mkdir(parents=True, exist_ok=True)
    if len(points(status)) > 1:
        draw(status, out / "map.png", report.earlier)
    (out / "scorecard.md").write_text(card.markdown())
    (out / "notes.md").write_text(text)
    known.write_text(page)
