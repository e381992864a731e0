"""Tasks that the field knows, put to a model by EleutherAI's lm-evaluation-harness."""

import contextlib
import logging
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from difflib import get_close_matches
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from family.errors import DescentError
from family.evaluate.retained import HALF_WIDTH
from family.evaluate.tasks import files, installed, names
from family.spec import LMEval
from family.stage import Metric, digest_json
from family.store import sha256

#: Resamples for the intervals of figures that are no means.
RESAMPLES = 1000


def ask(model: Any, asked: LMEval, about: str) -> tuple[list[Metric], dict[str, bool]]:
    """Every figure of every task, and of each whether higher is better.

    `model` is an `lm_eval.api.model.LM`; within `surroundings`. Raises DescentError for a task
    that nobody knows."""
    from lm_eval import simple_evaluate

    logging.getLogger("lm_eval").setLevel(logging.WARNING)
    tasks = _tasks(asked)
    with contextlib.chdir(asked.include or "."):  # what paths in task files are relative to
        results = simple_evaluate(
            model,
            tasks=list(asked.tasks),
            num_fewshot=asked.few_shot,
            limit=asked.limit,
            apply_chat_template=asked.chat,
            task_manager=tasks,
            bootstrap_iters=RESAMPLES,
            log_samples=True,
        )
    return _metrics(results, asked, about)


def _metrics(
    results: Mapping[str, Any], asked: LMEval, about: str
) -> tuple[list[Metric], dict[str, bool]]:
    brought = _digests(asked)
    found, higher = [], {}
    for task, row in results["results"].items():
        for key, value in row.items():
            metric, _, way = key.partition(",")
            if not way or metric.endswith("_stderr") or not isinstance(value, (int, float)):
                continue
            name = f"{task}:{metric}" if way == "none" else f"{task}:{metric},{way}"
            higher[name] = results["higher_is_better"].get(task, {}).get(metric) is not False
            n = _samples(results, task)
            low, high = _interval(results, task, metric, way) or (None, None)
            found.append(
                Metric(
                    about=about,
                    name=name,
                    value=float(value),
                    n=n,
                    low=low,
                    high=high,
                    unit="samples",
                    protocol=digest_json(
                        {
                            "harness": installed("lm_eval"),
                            "metric": name,
                            "task version": results["versions"].get(task),
                            "few_shot": results["n-shot"].get(task),
                            "samples": n,
                            "chat": asked.chat,
                            "context": asked.context,
                            "files": brought,
                        }
                    ),
                )
            )
    return found, higher


def _interval(
    results: Mapping[str, Any], task: str, metric: str, way: str
) -> tuple[float, float] | None:
    """95 %, by the harness' standard error; where it has none, as for perplexities of whole texts,
    by resampling the task's samples. None where neither can be had, as for a group."""
    row = results["results"][task]
    if isinstance(error := row.get(f"{metric}_stderr,{way}"), (int, float)):
        half = HALF_WIDTH * error
        return row[f"{metric},{way}"] - half, row[f"{metric},{way}"] + half
    samples = results["samples"].get(task, ())
    values = [one[metric] for one in samples if one["filter"] == way and metric in one]
    aggregate = _aggregation(results["configs"].get(task, {}), metric)
    if aggregate is None or len(values) < 2:
        return None
    picks = np.random.default_rng(0).integers(0, len(values), (RESAMPLES, len(values)))
    spread = [aggregate([values[one] for one in drawn]) for drawn in picks]
    low, high = np.quantile(spread, [0.025, 0.975])
    return float(low), float(high)


def _aggregation(task: Mapping[str, Any], metric: str) -> Callable[..., float] | None:
    """How a task makes one figure of its samples' ones."""
    from lm_eval.api.registry import get_aggregation, get_metric_aggregation

    listed = {one["metric"]: one.get("aggregation") for one in task.get("metric_list", ())}
    match listed.get(metric):
        case None:
            found = get_metric_aggregation(metric)
        case str(name):
            found = get_aggregation(name)
        case function:
            found = function
    return found if callable(found) else None


def _samples(results: Mapping[str, Any], task: str) -> int:
    """Samples of a task; of a group those of all tasks in it."""
    if counted := results["n-samples"].get(task):
        return int(counted["effective"])
    return sum(_samples(results, one) for one in results["group_subtasks"].get(task, ()))


def _digests(asked: LMEval) -> dict[str, str]:
    """Of the task files of the user's own, and of their data."""
    if not asked.include:
        return {}
    return {name: sha256(path) for name, path in files(Path(asked.include)).items()}


# ---- where the tasks are --------------------------------------------------------------------


@contextmanager
def surroundings(asked: LMEval) -> Iterator[None]:
    """What the harness and `datasets` read from their environment as they are imported.

    Where every task is the user's own, nothing is asked of the Hub, and what `datasets` makes of
    their data leaves with the run. A bootstrap forks no processes."""
    with TemporaryDirectory() as cache:
        told = {"DISABLE_MULTIPROC": "1"}
        if _all_local(asked):
            told |= {"HF_HUB_OFFLINE": "1", "HF_DATASETS_OFFLINE": "1", "HF_DATASETS_CACHE": cache}
        before = {name: os.environ.get(name) for name in told}
        os.environ.update(told)
        try:
            yield
        finally:
            for name, value in before.items():
                os.environ.pop(name)
                if value is not None:
                    os.environ[name] = value


def _all_local(asked: LMEval) -> bool:
    return bool(asked.include) and set(asked.tasks) <= names(Path(str(asked.include)))


def _tasks(asked: LMEval) -> Any:
    """The harness' register of tasks; DescentError for a task that is not in it."""
    from lm_eval.tasks import TaskManager

    tasks = TaskManager(include_path=asked.include, include_defaults=not _all_local(asked))
    for name in asked.tasks:
        if not tasks.match_tasks([name]):
            near = get_close_matches(name, tasks.all_tasks, n=3)
            hint = f"Did you mean {' or '.join(near)}?" if near else "Check its name."
            raise DescentError(f"evaluate.lm_eval.tasks: no task is called `{name}`. {hint}")
    return tasks
