"""Prefect's task runners, by the family file's name for them."""

import multiprocessing
import os
import signal
import threading
from typing import Any

from prefect.task_runners import ProcessPoolTaskRunner, TaskRunner, ThreadPoolTaskRunner
from prefect.tasks import Task

from family.errors import DescentError
from family.placement import Running

Runner = TaskRunner[Any]


class Processes(ProcessPoolTaskRunner):
    """Processes of this machine, for the tasks of several flows, which can be ended."""

    def __init__(self, max_workers: int) -> None:
        super().__init__(max_workers, initializer=_follow_the_builder)

    def submit(self, task: Task[..., Any], *args: Any, **kwargs: Any) -> Any:
        self._cached_context = None  # it would take every task for one of the first flow
        return super().submit(task, *args, **kwargs)

    def end(self) -> None:
        """End the processes; the stages that they wait for end with them."""
        executor = self._executor
        # Python has no public way before 3.14.
        for process in [*(executor._processes or {}).values()] if executor else ():
            process.terminate()


def _follow_the_builder() -> None:
    """Leave Ctrl-C to the builder, and end with it even if it is killed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if builder := multiprocessing.parent_process():

        def follow() -> None:
            builder.join()
            os._exit(70)

        threading.Thread(target=follow, daemon=True).start()


def runner(asked: Running) -> Runner:
    """What `running.runner` names, not yet started. DescentError if its extra is missing."""
    match asked.runner:
        case "threads":
            return ThreadPoolTaskRunner()
        case "processes":
            return Processes(asked.heavy)
    try:
        found: Runner = _dask(asked) if asked.runner == "dask" else _ray(asked)
        return found
    except ModuleNotFoundError as error:
        raise DescentError(
            f"running.runner: {asked.runner} needs a package that is not installed ({error.name}). "
            f"Install it: pip install 'descent-family[{asked.runner}]'"
        ) from None


def _dask(asked: Running) -> Any:
    from prefect_dask.task_runners import DaskTaskRunner

    if asked.address:
        return DaskTaskRunner(address=asked.address)
    local = {"n_workers": asked.heavy, "threads_per_worker": 1, "dashboard_address": None}
    return DaskTaskRunner(cluster_kwargs=local)


def _ray(asked: Running) -> Any:
    import ray  # noqa: F401  # prefect_ray imports it when it is first used
    from prefect_ray import RayTaskRunner

    if asked.address:
        return RayTaskRunner(address=asked.address)
    local = {"num_cpus": asked.heavy, "include_dashboard": False, "log_to_driver": False}
    return RayTaskRunner(init_kwargs=local)
