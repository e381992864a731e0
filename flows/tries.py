"""When a task is tried again: after what a network, a server or a lost worker brought about, and
never after what would only happen again."""

from typing import Any

from prefect import Task
from prefect.client.schemas.objects import State, TaskRun

from family.passing import may_pass
from flows.watch import watcher

#: Seconds before each further try.
DELAYS = [2.0, 10.0, 30.0]


def worth_it(task: Task[..., Any], run: TaskRun, state: State[Any]) -> bool:
    """For `retry_condition_fn` of a task."""
    error = state.data
    if not isinstance(error, BaseException) or not may_pass(error):
        return False
    watcher.get().warned(f"{str(error).splitlines()[0]}\n  It is tried again.")
    return True
