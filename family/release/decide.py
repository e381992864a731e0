"""What people decide about a release: each decision is written down, and none is taken back."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

from family import ledger
from family.errors import ReleaseError
from family.ledger import CANDIDATE, Decision, Owed, Verb, deciding
from family.lineage.database import reading
from family.lineage.licences import BLOCKING
from family.lineage.queries import Lineage
from family.lineage.record import record_ledger
from family.lineage.released import MOVES, ReleaseView, owed_of
from family.store import Store


def approve(
    store: Store, family: str | None, version: str, *, by: str, reason: str = ""
) -> Decision:
    """Let a release be promoted; ReleaseError if its time for approval is over."""
    with opened(store) as lineage:
        release = lineage.release(family, version)
        if release.approve_by and _is_over(release.approve_by):
            raise ReleaseError(
                f"{release.family} {release.version} was rejected: {_late(release.approve_by)}. "
                f"Release what the family has once more, under a new version."
            )
        return take(store, release.family, "approve", release.version, by=by, reason=reason)


def reject(store: Store, family: str | None, version: str, *, by: str, reason: str) -> Decision:
    """Keep a release from being promoted. It keeps its files and its records."""
    with opened(store) as lineage:
        release = lineage.release(family, version)
        return take(store, release.family, "reject", release.version, by=by, reason=reason)


def waive(
    store: Store, family: str | None, version: str, subject: str, *, by: str, reason: str
) -> Decision:
    """Let a duty go for one release, in somebody's name and for a reason."""
    with opened(store) as lineage:
        release = lineage.release(family, version)
        owed = {one.subject for one in blocking(store, release)}
        if subject not in owed:
            there = f"It blocks on {', '.join(sorted(owed))}." if owed else "Nothing blocks it."
            raise ReleaseError(
                f"{release.family} {release.version}: {subject} blocks nothing. {there}"
            )
        return take(
            store, release.family, "waive", release.version, by=by, reason=reason, subject=subject
        )


def promote(
    store: Store,
    family: str | None,
    version: str,
    alias: str = "production",
    *,
    by: str,
    reason: str = "",
) -> Decision:
    """Let an alias stand on a release: for the whole family at once, or not at all.

    ReleaseError unless somebody approved the release and no duty is left unmet and not waived."""
    with opened(store) as lineage:
        release = lineage.release(family, version)
        _may_stand(store, release, alias)
        if alias in release.aliases:
            raise ReleaseError(f"{release.family} {release.version} is {alias} already.")
        return take(
            store, release.family, "promote", release.version, by=by, alias=alias, reason=reason
        )


def rollback(
    store: Store,
    family: str | None,
    alias: str = "production",
    *,
    by: str,
    reason: str,
    to: str | None = None,
) -> Decision:
    """Move an alias back to the release where it stood before, or to another one that it had."""
    with opened(store) as lineage:
        now = lineage.release(family, alias)
        earlier = _earlier(lineage, now, alias)
        if to is not None:
            to = lineage.release(now.family, to).version
        if not earlier or (to and to not in earlier):
            stood = f"it stood on {', '.join(earlier)}." if earlier else "it stood nowhere before."
            raise ReleaseError(f"{alias} of {now.family} is at {now.version}; {stood}")
        target = lineage.release(now.family, to or earlier[0])
        _may_stand(store, target, alias)
        return take(
            store, now.family, "rollback", target.version, by=by, alias=alias, reason=reason
        )


def blocking(store: Store, release: ReleaseView) -> tuple[Owed, ...]:
    """The duties of a release that are neither met nor waived, as they stood when it was made."""
    with reading(store) as connection:
        owed = owed_of(connection, release.family, release.version)
    return tuple(
        one for one in owed if one.status in BLOCKING and one.subject not in release.waived
    )


@contextmanager
def opened(store: Store) -> Iterator[Lineage]:
    """The lineage, while nobody else decides anything; with all that the store's files say, if a
    process ended between a file and its row, and with what time has decided."""
    with deciding(store):
        record_ledger(store)
        lineage = Lineage(store)
        for family in lineage.families():
            _expire(store, lineage, family)
        yield lineage


def take(
    store: Store,
    family: str,
    kind: Verb,
    version: str,
    *,
    by: str,
    reason: str = "",
    alias: str | None = None,
    subject: str | None = None,
) -> Decision:
    """Write a decision down, in the store and then in the index, inside of `opened`."""
    number = max((one.number for one in ledger.decisions(store, family)), default=0) + 1
    decision = Decision(
        family=family,
        number=number,
        kind=kind,
        version=version,
        alias=alias,
        subject=subject,
        by=by,
        reason=reason,
        at=datetime.now(UTC).isoformat(timespec="seconds"),
    )
    ledger.decide(store, decision)
    record_ledger(store)
    return decision


def _expire(store: Store, lineage: Lineage, family: str) -> None:
    """Reject what nobody spoke about in time."""
    for release in lineage.releases(family):
        until = release.approve_by
        if until and release.approved is None and _is_over(until):
            take(store, family, "reject", release.version, by="descent", reason=_late(until))


def _is_over(until: str) -> bool:
    return datetime.fromisoformat(until) < datetime.now(UTC)


def _late(until: str) -> str:
    return f"nobody approved it until {until}"


def _may_stand(store: Store, release: ReleaseView, alias: str) -> None:
    """ReleaseError if an alias may not stand on this release."""
    name = f"{release.family} {release.version}"
    if alias == CANDIDATE:
        return
    if not release.approved:
        state = "was rejected" if release.approved is False else "is not approved yet"
        raise ReleaseError(f"{name} {state}. Approve it: descent approve {name}")
    if owed := blocking(store, release):
        lines = "".join(
            f"\n  {subject}: {status}. {says}"
            for subject, status, says in dict.fromkeys(
                (one.subject, one.status, str(one.detail["says"])) for one in owed
            )
        )
        raise ReleaseError(
            f"{name} may not be promoted; licences ask for what it does not give:{lines}\n"
            f"Meet these and release again, or let one go in your name: "
            f"descent waive {name} {owed[0].subject} --reason ..."
        )


def _earlier(lineage: Lineage, now: ReleaseView, alias: str) -> list[str]:
    """The other versions on which an alias stood, the last one first."""
    stood = [
        one.version
        for one in lineage.decisions(now.family)
        if one.kind in MOVES and one.alias == alias and one.version != now.version
    ]
    return list(dict.fromkeys(reversed(stood)))
