"""Which licences reach the tiers, what they ask for, and who let what go."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Connection

from family.ledger import Owed, Release
from family.lineage.licences import REMARK, Licences, licences
from family.lineage.names import Names
from family.lineage.notes.data import Duty, LicenceNotes
from family.lineage.notes.moment import Moment
from family.lineage.released import Decided, ReleaseView, owed_of

SAID = ("kind", "says", "source", "section", "of", "through")


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
            permission=licensed.permission,
            tiers=tuple(tiers[model]),
        )


def _now(after: Moment, found: dict[str, Licences]) -> Iterator[Owed]:
    for tier, one in found.items():
        for duty in one.obligations:
            yield Owed(
                model=after.models[tier],
                subject=duty.id,
                status=duty.status,
                detail=duty.model_dump(mode="json"),
            )


def _released(connection: Connection, release: Release | ReleaseView) -> tuple[Owed, ...]:
    if isinstance(release, Release):
        return release.obligations
    return owed_of(connection, release.family, release.version)


def _duties(
    owed: Iterable[Owed], tiers: dict[str, str], decisions: Iterable[Decided]
) -> Iterator[Duty]:
    """Each duty once, with the tiers that owe it; what nobody has met yet goes first."""
    waivers = {one.subject: one for one in decisions if one.kind == "waive"}
    found: dict[tuple[str, str, str], tuple[dict[str, Any], list[str]]] = {}
    for one in owed:
        same = (one.subject, one.detail["of"], one.status)
        _, owing = found.setdefault(same, (one.detail, []))
        owing.append(tiers[one.model])
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
