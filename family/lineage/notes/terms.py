"""Which licences reach the tiers, what they ask for, and who let what go."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, select

from family.ledger import Release
from family.lineage.licences import REMARK, Licences, licences
from family.lineage.names import Names
from family.lineage.notes.data import Duty, LicenceNotes
from family.lineage.notes.moment import Moment
from family.lineage.released import Decided, ReleaseView
from family.lineage.tables import obligations

SAID = ("kind", "says", "source", "section", "of", "through")
#: Of a duty: whose model, what a waiver names, how it stands, and all its words.
Owed = tuple[str, str, str, dict[str, Any]]


@dataclass(frozen=True)
class Terms:
    """What is to be said of licences."""

    licences: tuple[LicenceNotes, ...]
    duties: tuple[Duty, ...]
    remark: str = REMARK


def terms(
    connection: Connection,
    names: Names,
    after: Moment,
    release: Release | ReleaseView | None,
    store: Path,
) -> Terms:
    """Licences as they reach each tier; of a release, duties as they stood when it was made."""
    found = {tier: licences(connection, names, key, store) for tier, key in after.models.items()}
    owed = _released(connection, release) if release else _now(after, found)
    tiers = {key: tier for tier, key in after.models.items()}
    waived = release.decisions if isinstance(release, ReleaseView) else ()
    return Terms(tuple(_licences(found)), tuple(_duties(owed, tiers, waived)))


def _licences(found: dict[str, Licences]) -> Iterator[LicenceNotes]:
    """Each licensed model or data set once."""
    tiers: dict[str, list[str]] = {}
    for tier, one in found.items():
        for licensed in one.licensed:
            tiers.setdefault(licensed.model, []).append(tier)
    told = {licensed.model: licensed for one in found.values() for licensed in one.licensed}
    for model, licensed in told.items():
        yield LicenceNotes(
            name=licensed.name.partition("@")[0],
            model=model,
            licence=licensed.licence,
            about=licensed.about,
            tiers=tuple(tiers[model]),
        )


def _now(after: Moment, found: dict[str, Licences]) -> Iterator[Owed]:
    for tier, one in found.items():
        for duty in one.obligations:
            yield after.models[tier], duty.id, duty.status, duty.model_dump(mode="json")


def _released(connection: Connection, release: Release | ReleaseView) -> Iterator[Owed]:
    if isinstance(release, Release):
        for owed in release.obligations:
            yield owed.model, owed.subject, owed.status, owed.detail
        return
    kept = (
        select(obligations)
        .where(obligations.c.family == release.family, obligations.c.version == release.version)
        .order_by(obligations.c.position)
    )
    for row in connection.execute(kept):
        yield row.model, row.subject, row.status, row.detail


def _duties(
    owed: Iterable[Owed], tiers: dict[str, str], decisions: Iterable[Decided]
) -> Iterator[Duty]:
    """Each duty once, with the tiers that owe it; what nobody has met yet goes first."""
    waivers = {one.subject: one for one in decisions if one.kind == "waive"}
    found: dict[tuple[str, str, str], tuple[dict[str, Any], list[str]]] = {}
    for model, subject, status, detail in owed:
        _, owing = found.setdefault((subject, detail["of"], status), (detail, []))
        owing.append(tiers[model])
    order = ("forbidden", "unmet", "by hand", "permitted", "met")
    for (subject, _, status), (detail, owing) in sorted(
        found.items(), key=lambda one: order.index(one[0][2])
    ):
        yield Duty(
            subject=subject,
            status=status,
            tiers=tuple(owing),
            waived=waivers.get(subject),
            **{name: detail[name] for name in SAID},
        )
