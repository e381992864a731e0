"""Every file of a classifier, reopened in its own runtime: how good, how large, how fast."""

import os
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from statistics import median
from typing import get_args

import numpy as np
import torch

from export.bench import in_turns, torch_threads
from export.classes.checkpoint import Checkpoint
from export.classes.runtime import Classifier
from export.size import megabytes
from family.evaluate.classes import Ids, accuracy, accuracy_drop, held_out, likeness
from family.evaluate.protocol import Floats, Protocol
from family.progress import report
from family.spec import Precision, Verify
from family.stage import Metric, Outcome
from family.store import sha256

RESAMPLES = 1000
#: Rows of one pass, while scoring and while timing batches.
BATCH = 16
#: Held-out rows that are timed, at most.
TIMED = 32
#: The checkpoint itself among what is scored.
CHECKPOINT = "model"
#: The checkpoint among what is timed; files are held against the faster.
BASELINES = {"pytorch_bf16": torch.bfloat16, "pytorch_fp32": torch.float32}

Labeller = Checkpoint | Classifier


def verify(inputs: Mapping[str, Path], settings: Verify, out: Path) -> Outcome:
    """Score and time every exported file against the checkpoint that it came from.

    The held-out rows go through `inputs["model"]` in PyTorch and through each of "fp32", "int8"
    and "int4" that is there, in ONNX Runtime."""
    model, corpus = inputs["model"], inputs["corpus"]
    files = {name: inputs[name] for name in get_args(Precision) if name in inputs}
    protocols = {name: Protocol(corpus, RESAMPLES, name) for name in files}
    rows = held_out(corpus, model)
    ids = [row.ids for row in rows]
    reference = sha256(model / "model.safetensors")
    metrics: list[Metric] = []

    with torch_threads(1):
        found = _logits(
            {
                CHECKPOINT: Checkpoint(model, torch.float32),
                **{name: Classifier(path, threads=1) for name, path in files.items()},
            },
            ids,
        )
    theirs = found[CHECKPOINT]
    for name, protocol in protocols.items():
        metrics += accuracy(protocol, rows, found[name])
        metrics += accuracy_drop(protocol, rows, found[name], theirs, reference)
        metrics += likeness(protocol, found[name], theirs, reference)
        metrics.append(megabytes(protocol, files[name]))
    if "fp32" in files:
        error = float(np.abs(found["fp32"] - theirs).max())
        metrics.append(
            protocols["fp32"].plain("max_abs_error", error, len(rows), "rows", reference=reference)
        )

    timed = ids[:TIMED]
    alone, together = _seconds(model, files, timed, settings)
    for protocol in protocols.values():
        metrics += _speed(protocol, alone, together, timed, settings)
    baselines = {f"{name}_ms_per_row": alone[name] / len(timed) * 1e3 for name in BASELINES}
    return Outcome(metrics=tuple(metrics), facts={"rows": len(rows), **baselines})


def _logits(models: Mapping[str, Labeller], rows: Sequence[Ids]) -> dict[str, Floats]:
    """Logits of every model for every row, [N, C], in the rows' order.

    A batch of rows of like length to each core: threads that share a batch wait for one another.
    """
    order = np.argsort([len(row) for row in rows], kind="stable")
    batches = list(_batches([rows[at] for at in order]))
    found: dict[str, list[Floats]] = {name: [] for name in models}

    def read(batch: Sequence[Ids]) -> dict[str, Floats]:
        return {name: model.logits(batch) for name, model in models.items()}

    with ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool:
        for done, said in enumerate(pool.map(read, batches), start=1):
            report(done, len(batches), "batches")
            for name, logits in said.items():
                found[name].append(logits)
    back = order.argsort()
    return {name: np.concatenate(logits)[back] for name, logits in found.items()}


def _batches(rows: Sequence[Ids]) -> Iterator[Sequence[Ids]]:
    for start in range(0, len(rows), BATCH):
        yield rows[start : start + BATCH]


def _seconds(
    model: Path, files: Mapping[str, Path], rows: Sequence[Ids], settings: Verify
) -> tuple[dict[str, float], dict[str, float]]:
    """Seconds that the checkpoint (BASELINES) and each file take for all of `rows`, one at a time
    and BATCH at a time: medians."""
    contenders: dict[str, Labeller] = {
        name: Checkpoint(model, dtype) for name, dtype in BASELINES.items()
    }
    contenders |= {name: Classifier(path, settings.threads) for name, path in files.items()}

    def medians(batches: Sequence[Sequence[Ids]]) -> dict[str, float]:
        timed = {name: partial(_time, one, batches) for name, one in contenders.items()}
        return {name: median(taken) for name, taken in in_turns(timed, settings.repeats).items()}

    with torch_threads(settings.threads):
        return medians([[row] for row in rows]), medians(list(_batches(rows)))


def _time(model: Labeller, batches: Sequence[Sequence[Ids]]) -> float:
    start = time.perf_counter()
    for batch in batches:
        model.logits(batch)
    return time.perf_counter() - start


def _speed(
    protocol: Protocol,
    alone: Mapping[str, float],
    together: Mapping[str, float],
    rows: Sequence[Ids],
    settings: Verify,
) -> Iterator[Metric]:
    """A file's timings, and how many times as fast as PyTorch's faster one it labels a row."""
    ours, best = alone[protocol.about], min(alone[name] for name in BASELINES)
    for name, value, batch in (
        ("ms_per_row", ours / len(rows) * 1e3, 1),
        ("row_ratio", best / ours, 1),
        ("rows_per_second", len(rows) / together[protocol.about], BATCH),
    ):
        yield protocol.plain(
            name,
            value,
            settings.repeats,
            "timings",
            threads=settings.threads,
            rows=len(rows),
            batch=batch,
        )
