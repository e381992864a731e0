"""When each step runs, where two lanes take one step each at a time. Pure.

All devices work on one step together; beside them, one worker on the host exports, verifies and
gates. Whatever can start first starts first; of two, the one with the longer way to go behind it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

Lane = Literal["devices", "host"]


@dataclass(frozen=True)
class Task:
    """One step, after those it needs."""

    id: str
    lane: Lane
    seconds: float
    needs: tuple[str, ...] = ()


@dataclass(frozen=True)
class Slot:
    """When a step runs, in seconds from the start, and what it waited for last."""

    start: float
    end: float
    after: str | None


def simulate(tasks: Sequence[Task]) -> dict[str, Slot]:
    """A slot for each task; each stands after those it needs."""
    slots: dict[str, Slot] = {}
    last: dict[Lane, str] = {}
    behind = _seconds_behind(tasks)
    waiting = list(tasks)
    while waiting:
        ready = [task for task in waiting if all(need in slots for need in task.needs)]
        task = min(ready, key=lambda one: (_start(one, slots, last), -behind[one.id]))
        before = _before(task, slots, last)
        latest = max(before, key=lambda one: slots[one].end, default=None)
        start = slots[latest].end if latest else 0.0
        slots[task.id] = Slot(start, start + task.seconds, latest)
        last[task.lane] = task.id
        waiting.remove(task)
    return slots


def critical_path(slots: dict[str, Slot]) -> tuple[str, ...]:
    """The steps that, one waiting for the other, decide when all is done."""
    step = max(slots, key=lambda one: slots[one].end, default=None)
    path = []
    while step is not None:
        path.append(step)
        step = slots[step].after
    return tuple(reversed(path))


def _seconds_behind(tasks: Sequence[Task]) -> dict[str, float]:
    """The longest way from each task's end to the end of all; tasks come after their needs."""
    behind = dict.fromkeys((task.id for task in tasks), 0.0)
    for task in reversed(tasks):
        for need in task.needs:
            behind[need] = max(behind[need], behind[task.id] + task.seconds)
    return behind


def _before(task: Task, slots: dict[str, Slot], last: dict[Lane, str]) -> list[str]:
    return [*task.needs, *([last[task.lane]] if task.lane in last else [])]


def _start(task: Task, slots: dict[str, Slot], last: dict[Lane, str]) -> float:
    return max((slots[one].end for one in _before(task, slots, last)), default=0.0)
