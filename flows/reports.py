"""What a build leaves to read: the scorecard, the release notes and the map."""

from pathlib import Path

from prefect.artifacts import create_markdown_artifact, create_table_artifact

from family.lineage.map import draw, points
from family.lineage.notes import notes
from family.lineage.queries import Lineage
from family.lineage.scorecard import scorecard
from family.store import Store
from flows.artifacts import key


def folder(store: Store, family: str) -> Path:
    """Where a family's reports are."""
    return store.root / "reports" / family


def publish(store: Store, family: str) -> None:
    """Leave the family's reports with its Prefect runs, and as files in the store."""
    status = Lineage(store).status(family)
    card, text = scorecard(status), notes(status)
    remarks = "\n\n".join(card.remarks)
    create_table_artifact(card.records(), key(family, "scorecard"), remarks)
    create_markdown_artifact(text, key(family, "notes"), f"Release notes of {family}")

    out = folder(store, family)
    known = out / "notes.md"
    if known.exists() and known.read_text() == text:
        return  # nothing that is said has changed, and the picture costs a second
    out.mkdir(parents=True, exist_ok=True)
    if len(points(status)) > 1:
        draw(status, out / "map.png")
    (out / "scorecard.md").write_text(card.markdown())
    known.write_text(text)
