"""One stage as a Prefect task: a name, a progress bar and a log around `family.run.make`."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from prefect import get_run_logger, task
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State
from prefect.runtime import flow_run
from prefect.states import Completed

from family.errors import DescentError
from family.plan import Step
from family.progress import Progress
from family.run import Made, make, reuse
from family.stopping import Stop
from family.store import Store
from flows import assets, stages
from flows.artifacts import ProgressBar
from flows.logs import StageLog
from flows.names import of_run
from flows.pools import made_on
from flows.tries import DELAYS, worth_it
from flows.watch import watcher

STATES = {"built": "Completed", "reused": "Reused"}
_stop: ContextVar[Stop] = ContextVar("stop")


@contextmanager
def stopping(stop: Stop) -> Iterator[None]:
    """A task that is submitted in the block to a thread ends when `stop` is asked for."""
    token = _stop.set(stop)
    try:
        yield
    finally:
        _stop.reset(token)


# No cache of Prefect's: the store knows better what can be reused.
@task(
    name="stage",
    task_run_name=of_run,  # type: ignore[arg-type]  # its protocol takes no plain function
    cache_policy=NO_CACHE,
    persist_result=False,
    retries=len(DELAYS),
    retry_delay_seconds=DELAYS,
    retry_condition_fn=worth_it,
)
def stage(step: Step, family: str, store: Store, pool: str | None = None) -> "State[Made]":
    """Reuse the step's artifact, or have it built here or on a work pool; the run's state says
    what became of it."""
    made = _made(step, family, store, pool)
    return Completed(name=STATES[made.how], data=made)


# Not in the task: that is sent to other processes as it stands, with all that it names, which may
# be no context variable.
def _made(step: Step, family: str, store: Store, pool: str | None) -> Made:
    follow, bar, stop = watcher.get(), ProgressBar(family, step), _stop.get(Stop())
    told = get_run_logger()
    log = StageLog(store.log(step.recipe.key), told)

    def on_progress(progress: Progress) -> None:
        follow.progressed(step, progress)
        bar(progress)
        log.follow()

    def warn(message: str) -> None:
        follow.warned(message)
        told.warning(message)

    if pool:
        return reuse(step, family, store, warn=warn) or made_on(
            pool, step, family, store, stop, warn
        )
    try:
        made = make(
            step,
            family,
            stages.STAGES[step.recipe.stage],
            store,
            prefect_run_id=flow_run.id,
            on_progress=on_progress,
            warn=warn,
            stop=stop,
        )
    except DescentError:
        log.fail()
        raise
    if made.how == "built":
        log.end()
        assets.sealed(store, family, step, made.manifest)
    return made
