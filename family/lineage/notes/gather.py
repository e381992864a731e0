"""From the records of a family, after and before, to all that its notes say."""

from collections.abc import Iterable, Iterator
from pathlib import PurePath

from sqlalchemy import Connection

from family.ledger import Release
from family.lineage.database import reading
from family.lineage.digest import builds_of
from family.lineage.names import Names
from family.lineage.notes.changed import Changed, changed
from family.lineage.notes.compare import bounds, dropped, of_files, of_tier
from family.lineage.notes.data import (
    Bound,
    FileNotes,
    Finding,
    Fragment,
    Gone,
    MemberNotes,
    Notes,
    Stamp,
    Standing,
)
from family.lineage.notes.effort import MACHINE, PROCESSOR, TEACHING, TRAINING, Work
from family.lineage.notes.moment import Moment, moment
from family.lineage.notes.terms import terms
from family.lineage.queries import Lineage
from family.lineage.released import ReleaseView
from family.lineage.views import Member, ModelFile, Shipped, Status


def gather(
    lineage: Lineage,
    after: Status,
    before: Status | None,
    *,
    frozen: Release | None = None,
    fragments: Iterable[Fragment] = (),
) -> Notes:
    """All that is to be said of `after`, against `before` if there is one.

    `frozen` is the release that `after` is about to become, while no index holds it yet."""
    release = lineage.release(after.family, after.version) if after.version else None
    earlier = lineage.release(before.family, before.version) if before and before.version else None
    with reading(lineage.store) as connection:
        return _Gathering(
            connection,
            moment(connection, after),
            moment(connection, before) if before else None,
            frozen or release,
        ).notes(lineage, earlier, fragments)


class _Gathering:
    def __init__(
        self,
        connection: Connection,
        after: Moment,
        before: Moment | None,
        release: Release | ReleaseView | None,
    ) -> None:
        self.connection, self.after, self.before = connection, after, before
        self.release = release
        self.names = Names(connection, after.status.family, after.status.version)

    def notes(
        self, lineage: Lineage, earlier: ReleaseView | None, fragments: Iterable[Fragment]
    ) -> Notes:
        status = self.after.status
        tiers = tuple(map(self._tier, status.tiers))
        work = Work(self.connection, self.after.models)
        done = Work(self.connection, self.before.models) if self.before else None
        found = (
            changed(self.connection, self.names, self.after, self.before)
            if self.before
            else Changed()
        )
        owed = terms(self.connection, self.names, self.after, self.release, lineage.store.root)
        return Notes(
            family=status.family,
            release=_stamp(self.release),
            before=_stamp(earlier),
            flagship=self._flagship(),
            tiers=tiers,
            worse=tuple(_findings(tiers, "worse")),
            better=tuple(_findings(tiers, "better")),
            apart=tuple(_findings(tiers, "apart")),
            gone=tuple(self._gone()),
            gates=tuple(self._gates()),
            causes=found.causes,
            edges=found.edges,
            surroundings=found.surroundings,
            teaching=tuple(work.efforts(TEACHING, done)),
            training=tuple(work.efforts(TRAINING, done)),
            data=tuple(work.data()),
            licences=owed.licences,
            duties=owed.duties,
            remark=owed.remark,
            decisions=self.release.decisions if isinstance(self.release, ReleaseView) else (),
            fragments=tuple(fragments),
        )

    # ---- members -------------------------------------------------------------------------------

    def _flagship(self) -> MemberNotes | None:
        flagship = self.after.status.flagship
        before = self.before.status.flagship if self.before else None
        return self._member(flagship, before, flagship.title) if flagship else None

    def _tier(self, tier: Member) -> MemberNotes:
        return self._member(tier, self._earlier(tier.tier), tier.tier)

    def _earlier(self, tier: str) -> Member | None:
        return self.before.tier(tier) if self.before else None

    def _member(self, now: Member, before: Member | None, title: str) -> MemberNotes:
        return MemberNotes(
            tier=now.tier,
            model=now.model,
            name=now.name,
            title=title,
            parameters=now.parameters,
            parameters_before=before.parameters if before else None,
            architecture=now.architecture,
            standing=_standing(now, before),
            figures=of_tier(now, before),
            files=tuple(self._files(now.tier, file, before) for file in now.files),
            parents=now.parents,
            passed=now.gate.passed if now.gate else None,
        )

    def _files(self, tier: str, now: Shipped, before: Member | None) -> FileNotes:
        was = before.file(now.precision) if before else None
        return FileNotes(
            precision=now.precision,
            model=now.model,
            name=now.name,
            sha256=now.sha256,
            figures=of_files(now, was, same_machine=self._same_machine(tier)),
            parents=now.parents,
            files=tuple(self._placed(tier, now, file) for file in now.files),
        )

    def _placed(self, tier: str, shipped: Shipped, file: ModelFile) -> ModelFile:
        """The file where it is handed out: in the release's folder; all else is in the store."""
        inside = PurePath(file.path).relative_to(shipped.folder)
        if self.release and self.after.tier(tier):
            folder = PurePath(tier, shipped.precision)
        else:
            folder = PurePath(shipped.folder).relative_to(self.after.status.store)
        return file.model_copy(update={"path": (folder / inside).as_posix()})

    def _same_machine(self, tier: str) -> bool:
        """Whether the files of a tier were timed on the machine of before, as far as records go."""
        step = f"{tier}/verify"
        timed = {at.places[step] for at in (self.after, self.before) if at and step in at.places}
        machines = [build.environment for build in builds_of(self.connection, timed)]
        facts = {tuple(one.get(name) for name in (*MACHINE, "processors")) for one in machines}
        recorded = all(PROCESSOR in one for one in machines)
        return len(timed) == 1 or (recorded and len(facts) == 1)

    # ---- what is no longer there ---------------------------------------------------------------

    def _gates(self) -> Iterator[Bound]:
        for tier in self.after.status.tiers:
            yield from bounds(tier, self._earlier(tier.tier))

    def _gone(self) -> Iterator[Gone]:
        """Tiers, files, figures and bounds that users or gates relied on."""
        for was in self.before.status.tiers if self.before else ():
            now = self.after.tier(was.tier)
            if now is None:
                yield Gone(of=was.tier, what="the whole tier")
                continue
            for file in was.files:
                if not now.file(file.precision):
                    yield Gone(of=f"{was.tier}/{file.precision}", what="these files")
            for verdict in dropped(now, was):
                yield Gone(of=was.tier, what=f"the bound {verdict.bound} {verdict.limit:g}")


def _standing(now: Member, before: Member | None) -> str:
    if before is None:
        return "new"
    return "the same" if now.model == before.model else "made anew"


def _findings(tiers: Iterable[MemberNotes], standing: Standing) -> Iterator[Finding]:
    """The figures of this standing. What a tier's model did, its files need not be told of too."""
    for tier in tiers:
        own = [figure for figure in tier.figures if figure.standing == standing]
        yield from (Finding(of=tier.tier, figure=figure) for figure in own)
        told = {figure.name for figure in own}
        for file in tier.files:
            for figure in file.figures:
                if figure.standing == standing and figure.name not in told:
                    yield Finding(of=f"{tier.tier}/{file.precision}", figure=figure)


def _stamp(release: Release | ReleaseView | None) -> Stamp | None:
    if release is None:
        return None
    return Stamp(
        version=release.version,
        change=release.change,
        by=release.by,
        note=release.note,
        created=release.created,
    )
