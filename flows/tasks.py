"""One stage as a Prefect task: a name and a progress bar around `family.run.make`."""

from prefect import task
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State
from prefect.runtime import flow_run
from prefect.states import Completed

from family.errors import DescentError
from family.plan import Step
from family.progress import Progress
from family.run import Made, make
from family.store import Store
from flows import stages
from flows.artifacts import ProgressBar
from flows.watch import watcher

STATES = {"built": "Completed", "reused": "Reused"}


# No retries and no cache of Prefect's: a stage that failed fails again, and the store knows
# better what can be reused.
@task(name="stage", task_run_name="{step.title}", cache_policy=NO_CACHE, persist_result=False)
def stage(step: Step, family: str, store: Store) -> State[Made]:
    """Reuse the step's artifact or build it; the run's state says which."""
    follow, bar = watcher.get(), ProgressBar(family, step)

    def on_progress(progress: Progress) -> None:
        follow.progressed(step, progress)
        bar(progress)

    follow.begins(step)
    try:
        made = make(
            step,
            family,
            stages.STAGES[step.recipe.stage],
            store,
            prefect_run_id=flow_run.id,
            on_progress=on_progress,
            warn=follow.warned,
        )
    except DescentError:
        follow.failed(step)
        raise
    follow.ended(step, made)
    return Completed(name=STATES[made.how], data=made)
