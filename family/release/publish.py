"""What is handed out of a release: each file set in a folder of its own, with what a person needs.

<tier>/<precision>/   the files, README.md (the card), bom.cdx.json, LICENSE and NOTICE
NOTES.md  notes.json  what changed, for people and for machines
statement.json        in-toto: the files, and the edges that they came by
"""

import os
import shutil
from collections.abc import Iterable
from pathlib import Path

from family.ledger import Release
from family.licences.terms import matching
from family.lineage.bom import bom, text
from family.lineage.card import card
from family.lineage.notes.data import Fragment
from family.lineage.notes.gather import gather
from family.lineage.notes.render import markdown
from family.lineage.queries import Lineage
from family.lineage.views import ModelFile, Status
from family.store import Store

#: What changed, for people.
NOTES = "NOTES.md"


def publish(
    store: Store,
    lineage: Lineage,
    status: Status,
    release: Release,
    folder: Path,
    fragments: Iterable[Fragment] = (),
) -> None:
    """Write everything that `release` hands out into `folder`, but for its own record."""
    notices = store.fetch(release.steps["/notices"]) if "/notices" in release.steps else None
    for tier in status.tiers:
        for files in tier.files:
            target = folder / tier.tier / files.precision
            _link(files.files, store.fetch(Path(files.folder).name), target)
            for path in matching(notices) if notices else ():
                _link_one(path, target / path.name)
            dossier = lineage.dossier(files.name)
            _write(target / "README.md", card(dossier).markdown)
            _write(target / "bom.cdx.json", text(bom(dossier)))
    before = lineage.status(release.family, release.previous) if release.previous else None
    notes = gather(lineage, status, before, frozen=release, fragments=fragments)
    _write(folder / NOTES, markdown(notes))
    _write(folder / "notes.json", notes.model_dump_json(indent=2) + "\n")


def _write(path: Path, content: str) -> None:
    """A file of the release's own: never through a second name of one of the store's."""
    path.unlink(missing_ok=True)
    path.write_text(content, encoding="utf-8")


def _link(files: Iterable[ModelFile], source: Path, target: Path) -> None:
    for file in files:
        path = Path(file.path)
        _link_one(path, target / path.relative_to(source))


def _link_one(source: Path, target: Path) -> None:
    """The same file under a second name, which costs no room; a copy on another file system."""
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        os.link(source, target)
    except FileExistsError:
        raise
    except OSError:
        shutil.copyfile(source, target)
