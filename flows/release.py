"""A release as a flow: freeze it, show it, and wait for a person to let it out.

While it waits the run is suspended and no process is needed. It goes on when somebody answers the
form in Prefect's interface, or with `descent approve`; it begins again then, and finds the release
that it made by the run's id.
"""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Literal

from prefect import flow, suspend_flow_run, tags, task
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State
from prefect.input import RunInput
from prefect.runtime import flow_run
from prefect.states import Completed
from pydantic import Field

from family.errors import SpecError
from family.faults import written
from family.ledger import Alias, Release, releases
from family.lineage.follow import follow
from family.lineage.queries import Lineage
from family.lineage.released import ReleaseView
from family.release import decide, versions
from family.release.falls import falls, last_release
from family.release.freeze import release as freeze
from family.schedules import rebuild_faults
from family.store import Store
from flows import artifacts, reports
from flows.events import PROMOTED, tell
from flows.refusals import in_plain_words

#: In whose name a run releases and promotes.
BY_A_RUN = "descent"


class Approval(RunInput):
    """The form that the interface shows while a release waits."""

    decision: Literal["approve", "reject"] = Field(
        "reject", description="Approve to let it out, reject to keep it back."
    )
    by: str = Field("", description="Your name. It stands in the record and in the notes.")
    note: str = Field("", description="Why. It stands there too.")


@flow(name="release", flow_run_name="Release {family}", retries=0, persist_result=True)
@in_plain_words
def release(
    family: str,
    store: Path = Path(".descent"),
    version: str | None = None,
    note: str = "",
    alias: Alias = "production",
    hours: Annotated[float, Field(gt=0)] = 72,
    fall: Mapping[str, float] | None = None,
) -> State[str]:
    """Freeze what the family has now, wait for approval, and promote it.

    While it waits it is suspended, and no process is needed. Resume it to answer: the form asks
    whether to approve or to reject. What the release holds is on one page among its artifacts.

    Args:
        family: The family to be released.
        store: Where its artifacts are.
        version: The release's; left out, the next one that says enough about the change.
        note: Stands in the record, and on the page for whoever approves.
        alias: What is promoted: it stands on the release once that is approved.
        hours: Nobody's answer within so many is a rejection.
        fall: Metric and by how much a tier may be worse than in the last release, for the page.
    """
    opened = Store.existing(store)
    _check(family, version, fall or {})
    follow(opened)
    with tags(family):
        run = flow_run.id
        made = _made_by(run, opened) or frozen(
            opened, family, version, note, timedelta(hours=hours), fall or {}, run
        )
        view = Lineage(opened).release(family, made.version)
        if view.approved is None:
            view = _asked(opened, view)
        if not view.approved:
            because = view.decisions[-1].reason
            return Completed(name="Rejected", message=f"{family} {view.version}: {because}")
        promoted(opened, family, view.version, alias)
    return Completed(name="Promoted", message=f"{alias} of {family} is {view.version}")


@task(
    name="freeze",
    task_run_name="Freeze what {family} has now",
    cache_policy=NO_CACHE,
    persist_result=False,
)
def frozen(
    store: Store,
    family: str,
    version: str | None,
    note: str,
    within: timedelta,
    fall: Mapping[str, float],
    waiting: str | None = None,
) -> Release:
    """Take what the family has now as a release, and show what is asked for; `waiting` is the run
    that goes on once somebody approves it."""
    lineage = Lineage(store)
    before = last_release(lineage, family)
    found = falls(lineage, family, before, fall) if before else ()
    made = freeze(
        store,
        family,
        version or versions.following(lineage, family),
        by=BY_A_RUN,
        note=note,
        within=within,
        prefect_run_id=waiting,
    )
    reports.release(store, lineage, made, before.version if before else "", found)
    return made


@task(
    name="promote",
    task_run_name="Promote {family} {version}",
    cache_policy=NO_CACHE,
    persist_result=False,
)
def promoted(store: Store, family: str, version: str, alias: str) -> None:
    """Move the alias, and tell whoever waits for it."""
    if alias not in Lineage(store).release(family, version).aliases:
        decide.promote(store, family, version, alias, by=BY_A_RUN, reason="approved")
    tell(PROMOTED, family, version=version, alias=alias, store=store.place)


def _check(family: str, version: str | None, fall: Mapping[str, float]) -> None:
    """Refuse what somebody typed into the form that no release can have, in the spec's words."""
    if version:
        versions.parse(version)
    if faults := [
        f"{written(one.path)}: {one.text}" for one in rebuild_faults({"fall": fall}, family)
    ]:
        raise SpecError(f"The form of release/{family}", faults)


def _made_by(run: str | None, store: Store) -> Release | None:
    """The release that this run made before it was suspended."""
    return next((one for one, _ in releases(store) if run and one.prefect_run_id == run), None)


def _asked(store: Store, view: ReleaseView) -> ReleaseView:
    """Wait for a person, who may have spoken at the command line when the run goes on."""
    name = f"{view.family} {view.version}"
    assert view.approve_by  # it was frozen by a run, which gives it time
    left = datetime.fromisoformat(view.approve_by) - datetime.now(UTC)
    page = f"../../artifacts/key/{artifacts.key(view.family, 'release', view.version)}"
    form = Approval.with_initial_data(
        description=f"May **{name}** be promoted? [What to know]({page}) is on one page. "
        f"{reports.deadline(view.approve_by)}"
    )
    said = suspend_flow_run(
        wait_for_input=form, timeout=max(1, int(left.total_seconds())), key="approval"
    )
    lineage = Lineage(store)
    if lineage.release(view.family, view.version).approved is None:
        speak = decide.approve if said.decision == "approve" else decide.reject
        speak(
            store, view.family, view.version, by=said.by or "Prefect's interface", reason=said.note
        )
    return lineage.release(view.family, view.version)
