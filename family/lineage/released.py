"""A family's releases, what people decided about them, and where its aliases stand."""

from collections.abc import Iterable
from difflib import get_close_matches

from pydantic import Field
from semver import Version
from sqlalchemy import Connection, Row, select

from family.errors import NotFoundError
from family.ledger import CANDIDATE, Owed
from family.lineage.tables import decisions, obligations, releases
from family.lineage.views import View

MOVES = ("promote", "rollback")


class Decided(View):
    """Something that a person decided about a release."""

    number: int
    kind: str = Field(description="`approve`, `reject`, `waive`, `promote` or `rollback`.")
    version: str
    alias: str | None = Field(description="What `promote` and `rollback` moved.")
    subject: str | None = Field(description="The duty that was waived.")
    by: str
    reason: str
    at: str = Field(description="UTC, ISO 8601.")


class ReleaseView(View):
    """One version of a whole family, and what became of it."""

    family: str
    version: str
    previous: str | None = Field(description="The version that it is compared with.")
    change: str = Field(description="`first`, `major`, `minor` or `patch`.")
    aliases: tuple[str, ...] = Field(description="Those that stand on it now.")
    approved: bool | None = Field(description="The last word of a person; null if none spoke.")
    decisions: tuple[Decided, ...]
    by: str
    note: str
    created: str = Field(description="UTC, ISO 8601.")
    approve_by: str | None = Field(
        description="If nobody spoke until then, it counts as rejected; UTC, ISO 8601."
    )
    prefect_run_id: str | None = Field(description="The Prefect run that waits for approval.")
    digest: str = Field(description="SHA-256 of its file in the store.")

    @property
    def waived(self) -> frozenset[str]:
        """The duties that somebody let go for this release."""
        return frozenset(one.subject for one in self.decisions if one.subject)


def releases_of(connection: Connection, family: str) -> tuple[ReleaseView, ...]:
    """Every release of a family, the highest version first."""
    rows = connection.execute(select(releases).where(releases.c.family == family)).all()
    decided = decisions_of(connection, family)
    standing = aliases(decided)
    ordered = sorted(rows, key=lambda row: Version.parse(row.version), reverse=True)
    return tuple(_view(row, decided, standing) for row in ordered)


def decisions_of(connection: Connection, family: str) -> tuple[Decided, ...]:
    """Everything that was decided about a family, in order."""
    rows = connection.execute(
        select(decisions).where(decisions.c.family == family).order_by(decisions.c.number)
    ).mappings()
    return tuple(
        Decided(**{name: value for name, value in row.items() if name != "family"}) for row in rows
    )


def owed_of(connection: Connection, family: str, version: str) -> tuple[Owed, ...]:
    """What licences asked of a release's models, as it stood when the release was made."""
    rows = connection.execute(
        select(obligations)
        .where(obligations.c.family == family, obligations.c.version == version)
        .order_by(obligations.c.position)
    ).mappings()
    return tuple(Owed(**{name: row[name] for name in Owed.model_fields}) for row in rows)


def aliases(decided: Iterable[Decided]) -> dict[str, str]:
    """Alias -> the version that it stands on now."""
    return {one.alias: one.version for one in decided if one.kind in MOVES and one.alias}


def release_of(connection: Connection, family: str, name: str) -> ReleaseView:
    """The release that a version or an alias means; NotFoundError lists those that there are."""
    there = releases_of(connection, family)
    for release in there:
        if name == release.version or name in release.aliases:
            return release
    if not there:
        raise NotFoundError(
            f"{family} has no release yet. Make one: descent release {family} --version 0.1.0"
        )
    known = [word for release in there for word in (release.version, *release.aliases)]
    near = get_close_matches(name, known, n=1)
    hint = f"Did you mean {near[0]}?" if near else f"There is {', '.join(known)}."
    raise NotFoundError(f"{family} has no release {name}. {hint}")


def _view(
    row: Row[tuple[object, ...]], decided: Iterable[Decided], standing: dict[str, str]
) -> ReleaseView:
    own = tuple(one for one in decided if one.version == row.version)
    spoken = [one.kind == "approve" for one in own if one.kind in ("approve", "reject")]
    held = sorted(alias for alias, version in standing.items() if version == row.version)
    return ReleaseView(
        **row._mapping,
        aliases=tuple(sorted(held, key=lambda alias: (alias == CANDIDATE, alias))),
        approved=spoken[-1] if spoken else None,
        decisions=own,
    )
