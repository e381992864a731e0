"""Take what a family has now as a release: all its tiers or none."""

import shutil
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sqlalchemy import select

from family.errors import NotFoundError, ReleaseError
from family.ledger import CANDIDATE, RELEASE, Owed, Release, release_folder
from family.lineage.database import reading
from family.lineage.licences import Licences
from family.lineage.notes.data import Fragment
from family.lineage.notes.fragments import read
from family.lineage.queries import Lineage
from family.lineage.released import ReleaseView
from family.lineage.tables import builds
from family.lineage.views import Member, Status
from family.progress import Listener, Progress
from family.release import versions
from family.release.chain import chain
from family.release.decide import opened, take
from family.release.extra import check_installed
from family.release.publish import publish
from family.release.statement import STATEMENT, statement
from family.release.sums import Sums
from family.store import Store, disk_faults, sha256, sync, write_json


def release(
    store: Store,
    family: str | None,
    version: str,
    *,
    by: str,
    note: str = "",
    within: timedelta | None = None,
    prefect_run_id: str | None = None,
    fragments: Path | None = None,
    on_progress: Listener | None = None,
) -> Release:
    """Freeze what the family has now as `version`, publish it, and let `candidate` stand on it.

    If nobody approves it `within` that time, it counts as rejected. What people wrote in the folder
    `fragments` goes into its notes.

    Nothing changes unless every tier that its family file names is there, was made from what the
    family has now, passed its gate and still has its files. ReleaseError tells all that is amiss.
    """
    versions.parse(version)
    check_installed()
    with opened(store) as lineage, store.lock(lineage.status(family).family, wait=False):
        status = lineage.status(family)
        family = status.family
        before = _before(lineage, family, version)
        steps = store.head(family)
        digests = _digests(store, status, steps, on_progress)
        if before:
            versions.check(family, version, before, status)
        now = datetime.now(UTC)
        frozen = Release(
            family=family,
            version=version,
            previous=before.version if before else None,
            change=versions.change(family, version, before.version if before else None),
            steps=steps,
            digests=digests,
            published={},
            obligations=tuple(
                owed
                for tier in status.tiers
                for owed in _owed(tier, lineage.licences(tier.name), steps)
            ),
            by=by,
            note=note,
            created=now.isoformat(timespec="seconds"),
            approve_by=(now + within).isoformat(timespec="seconds") if within else None,
            prefect_run_id=prefect_run_id,
        )
        named = status.model_copy(update={"version": version})
        written = read(fragments, named, before) if fragments else ()
        frozen = _published(store, lineage, status, frozen, written)
        take(store, family, "promote", version, by=by, alias=CANDIDATE, reason="released")
    return frozen


def _before(lineage: Lineage, family: str, version: str) -> Status | None:
    """The family as the release before `version` has it."""
    there: dict[str, ReleaseView] = {one.version: one for one in lineage.releases(family)}
    if version in there:
        following = versions.parse(version).bump_patch()
        raise ReleaseError(
            f"{family} {version} exists since {there[version].created[:10]}, and a release never "
            f"changes. The next is {following}, or higher."
        )
    previous = versions.previous(version, there)
    return lineage.status(family, previous) if previous else None


# ---- whether all of it is there ------------------------------------------------------------


def _digests(
    store: Store, status: Status, steps: dict[str, str], on_progress: Listener | None
) -> dict[str, str]:
    """Key -> digest of every artifact that the release holds; ReleaseError if one is amiss."""
    faults = [*_gates(store, status, steps), *_mixed(store, steps)]
    digests = {}
    keys = sorted(set(steps.values()))
    for number, key in enumerate(keys):
        if on_progress:
            on_progress(Progress(done=number, total=len(keys), unit="artifacts"))
        manifest = store.manifest(key)
        if manifest is None:
            faults.append(f"the store has no artifact {key[:16]}")
            continue
        faults += [f"{key[:16]}: {fault}" for fault in store.faults(manifest)]
        digests[key] = manifest.digest
    if faults:
        said = "".join(f"\n  {fault}" for fault in faults)
        raise ReleaseError(
            f"{status.family} cannot be released:{said}\nRun `descent build` until all of it is "
            f"built and passes, then release it."
        )
    return digests


def _gates(store: Store, status: Status, steps: dict[str, str]) -> Iterator[str]:
    """Tiers of the family file that are not there, or did not pass."""
    tiers = {tier.tier: tier for tier in status.tiers}
    for name in _named(store, steps):
        if name not in tiers:
            yield f"{name} was not built"
        elif fault := _missed(tiers[name]):
            yield f"{name} {fault}"


def _missed(tier: Member) -> str | None:
    if tier.gate is None:
        return "was not judged by its gate"
    missed = [verdict for verdict in tier.gate.verdicts if not verdict.passed]
    bounds = ", ".join(f"{one.bound} {one.limit:.4g}, measured {one.value:.4g}" for one in missed)
    return f"missed its gate: {bounds}" if missed else None


def _named(store: Store, steps: dict[str, str]) -> list[str]:
    """The tiers that the family file named when the family was built last."""
    about = store.manifest(steps.get("/about", ""))
    if about is None or "tiers" not in about.outcome.facts:
        raise NotFoundError(
            "The store does not say which tiers the family file names; run `descent build` once."
        )
    return str(about.outcome.facts["tiers"]).split(",")


def _mixed(store: Store, steps: dict[str, str]) -> Iterator[str]:
    """Steps that were made from something that the family has no longer: of a build that ended
    half-way."""
    held = set(steps.values())
    with reading(store) as connection:
        rows = connection.execute(
            select(builds.c.key, builds.c.recipe).where(builds.c.key.in_(held))
        ).all()
        inputs = {row.key: row.recipe["inputs"] for row in rows}
        wanted = {key for one in inputs.values() for key in one.values()} - held
        strangers = set(connection.scalars(select(builds.c.key).where(builds.c.key.in_(wanted))))
    for place, key in sorted(steps.items()):
        stale = [name for name, one in inputs.get(key, {}).items() if one in strangers]
        if stale:
            where = place.replace("/", " · ").removeprefix(" · ")
            yield f"{where} was made from an earlier {' and '.join(sorted(stale))}"


# ---- what is written down ------------------------------------------------------------------


def _owed(tier: Member, licences: Licences, steps: dict[str, str]) -> Iterator[Owed]:
    for duty in licences.obligations:
        yield Owed(
            model=steps[f"{tier.tier}/distill"],
            subject=duty.id,
            status=duty.status,
            detail=duty.model_dump(mode="json"),
        )


def _published(
    store: Store,
    lineage: Lineage,
    status: Status,
    frozen: Release,
    fragments: tuple[Fragment, ...],
) -> Release:
    """Publish whole or not at all; the release's record stands among what is published."""
    folder = release_folder(store, frozen.family, frozen.version)
    scratch = folder.with_name(f".{folder.name}.part")
    if scratch.exists():
        shutil.rmtree(scratch)
    scratch.mkdir(parents=True)
    with disk_faults(store.root):
        publish(store, lineage, status, frozen, scratch, fragments)
        sums = _sums(scratch)
        told = frozen.model_copy(update={"published": sums})
        (scratch / STATEMENT).write_text(statement(told, chain(store, frozen.steps.values())))
        sums[STATEMENT] = sha256(scratch / STATEMENT)
        frozen = frozen.model_copy(update={"published": sums})
        write_json(scratch / RELEASE, frozen.model_dump(mode="json"))
        if store.shared:
            store.shared.release(frozen, scratch)
        scratch.rename(folder)
        sync(folder.parent)
    return frozen


def _sums(folder: Path) -> dict[str, str]:
    files = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    with Sums(files) as sums:
        return {path.relative_to(folder).as_posix(): sums.of(path) for path in files}
