"""A release as a flow: freeze it, show it, and wait for a person to let it out.

While it waits the run is suspended and no process is needed. It goes on when somebody answers the
form in Prefect's interface, or with `descent approve`; it begins again then, and finds the release
that it made by the run's id.
"""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Literal

from prefect import flow, suspend_flow_run, tags, task
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State
from prefect.input import RunInput
from prefect.runtime import flow_run
from prefect.states import Completed
from pydantic import Field

from family.ledger import Release, releases
from family.lineage.queries import Lineage
from family.lineage.released import ReleaseView
from family.release import decide, versions
from family.release.freeze import release as freeze
from family.store import Store
from flows import artifacts
from flows.events import PROMOTED, tell

#: In whose name a run releases and promotes.
BY_A_RUN = "descent"


class Approval(RunInput):
    """The form that the interface shows while a release waits."""

    decision: Literal["approve", "reject"] = Field(
        "reject", description="Approve to let it out, reject to keep it back."
    )
    by: str = Field("", description="Your name. It stands in the record and in the notes.")
    note: str = Field("", description="Why. It stands there too.")


@flow(name="release", flow_run_name="release {family}", retries=0, persist_result=True)
def release(
    family: str,
    store: Path = Path(".descent"),
    version: str | None = None,
    note: str = "",
    alias: str = "production",
    hours: float = 72,
) -> State[str]:
    """Freeze what the family has now, wait for approval, and promote it.

    Without a `version` the next one that says enough about the change. Nobody's answer within so
    many `hours` is a rejection."""
    opened = Store(store)
    with tags(family):
        run = flow_run.id
        made = _made_by(run, opened) or frozen(
            opened, family, version, note, timedelta(hours=hours), run
        )
        view = Lineage(opened).release(family, made.version)
        if view.approved is None:
            view = _asked(opened, view)
        if not view.approved:
            because = view.decisions[-1].reason
            return Completed(name="Rejected", message=f"{family} {view.version}: {because}")
        promoted(opened, family, view.version, alias)
    return Completed(name="Promoted", message=f"{alias} of {family} is {view.version}")


@task(name="freeze", task_run_name="{family} · freeze", cache_policy=NO_CACHE, persist_result=False)
def frozen(
    store: Store,
    family: str,
    version: str | None,
    note: str,
    within: timedelta,
    waiting: str | None = None,
) -> Release:
    """Take what the family has now as a release, and show what is asked for; `waiting` is the run
    that goes on once somebody approves it."""
    made = freeze(
        store,
        family,
        version or versions.following(Lineage(store), family),
        by=BY_A_RUN,
        note=note,
        within=within,
        prefect_run_id=waiting,
    )
    artifacts.release(store, made)
    return made


@task(
    name="promote",
    task_run_name="{family} · promote {version}",
    cache_policy=NO_CACHE,
    persist_result=False,
)
def promoted(store: Store, family: str, version: str, alias: str) -> None:
    """Move the alias, and tell whoever waits for it."""
    if alias not in Lineage(store).release(family, version).aliases:
        decide.promote(store, family, version, alias, by=BY_A_RUN, reason="approved")
    tell(PROMOTED, family, version=version, alias=alias, store=str(store.root))


def _made_by(run: str | None, store: Store) -> Release | None:
    """The release that this run made before it was suspended."""
    return next((one for one, _ in releases(store) if run and one.prefect_run_id == run), None)


def _asked(store: Store, view: ReleaseView) -> ReleaseView:
    """Wait for a person, who may have spoken at the command line when the run goes on."""
    name = f"{view.family} {view.version}"
    assert view.approve_by  # it was frozen by a run, which gives it time
    left = datetime.fromisoformat(view.approve_by) - datetime.now(UTC)
    form = Approval.with_initial_data(
        description=f"May **{name}** be promoted? Its scorecard, licences and notes are among the "
        f"artifacts of this run. Without an answer until {view.approve_by} it is rejected."
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
