"""One stage as a Prefect task: a name, a progress bar and a log around `family.run.make`."""

from prefect import get_run_logger, task
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State
from prefect.runtime import flow_run
from prefect.states import Completed

from family.errors import DescentError
from family.plan import Step
from family.progress import Progress
from family.run import Made, make
from family.store import Store
from flows import assets, stages
from flows.artifacts import ProgressBar
from flows.logs import StageLog
from flows.names import of_run
from flows.watch import watcher

STATES = {"built": "Completed", "reused": "Reused"}


# No retries and no cache of Prefect's: a stage that failed fails again, and the store knows
# better what can be reused.
@task(
    name="stage",
    task_run_name=of_run,  # type: ignore[arg-type]  # its protocol takes no plain function
    cache_policy=NO_CACHE,
    persist_result=False,
)
def stage(step: Step, family: str, store: Store) -> State[Made]:
    """Reuse the step's artifact or build it; the run's state says which."""
    follow, bar = watcher.get(), ProgressBar(family, step)
    told = get_run_logger()
    log = StageLog(store.log(step.recipe.key), told)

    def on_progress(progress: Progress) -> None:
        follow.progressed(step, progress)
        bar(progress)
        log.follow()

    def warn(message: str) -> None:
        follow.warned(message)
        told.warning(message)

    follow.begins(step)
    try:
        made = make(
            step,
            family,
            stages.STAGES[step.recipe.stage],
            store,
            prefect_run_id=flow_run.id,
            on_progress=on_progress,
            warn=warn,
        )
    except DescentError:
        log.fail()
        follow.failed(step)
        raise
    if made.how == "built":
        log.end()
        assets.sealed(store, family, step, made.manifest)
    follow.ended(step, made)
    return Completed(name=STATES[made.how], data=made)
