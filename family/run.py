"""Reuse an artifact, or build it in a scratch folder, verify it and seal it.

Needs no Prefect: a Prefect task is a few lines around `make`, and tests walk this same path.
"""

import os
import signal
import subprocess
import sys
import time
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Literal

from family import child
from family.errors import DescentError, StageError
from family.lineage.record import record
from family.machine import Energy, environment
from family.plan import Step
from family.progress import Listener
from family.stage import Outcome, Stage
from family.stopping import Stop
from family.store import Manifest, Origin, Store, disk_faults


@dataclass(frozen=True)
class Made:
    """What became of a step."""

    how: Literal["built", "reused"]
    manifest: Manifest


def make(
    step: Step,
    family: str,
    stage: Stage,
    store: Store,
    *,
    prefect_run_id: str | None = None,
    on_progress: Listener | None = None,
    warn: Callable[[str], None] = print,
    recorded: bool = True,
    stop: Stop | None = None,
) -> Made:
    """Reuse the step's artifact if its files verify, else build, seal and record it.

    What is not `recorded` is kept out of the lineage: a control, which nobody ships. Raises
    StageError, or the stage's own DescentError, or KeyboardInterrupt once `stop` has ended a heavy
    stage; what was sealed before stays.
    """
    if made := reuse(step, family, store, warn=warn, recorded=recorded):
        return made
    recipe = step.recipe
    folders = {name: store.folder(key) for name, key in recipe.inputs.items()}
    inputs = {name: folder for name, folder in folders.items() if folder.is_dir()}  # no leaves
    started, clock = datetime.now(UTC), time.monotonic()
    with disk_faults(store.root), Energy() as energy:
        scratch = store.scratch(recipe.key, keep=stage.resumes)
        if stage.heavy:
            outcome = _in_child(step, stage, inputs, scratch, store, on_progress, stop or Stop())
        else:
            outcome = _here(step, stage, inputs, scratch, store)

    def origin() -> Origin:
        return Origin(
            family=family,
            tier=step.tier,
            step=step.name,
            started=started.isoformat(timespec="milliseconds"),
            seconds=round(time.monotonic() - clock, 2),
            energy_joules=energy.joules(),
            seed=getattr(recipe.settings, "seed", None),
            prefect_run_id=prefect_run_id,
            environment=environment(),
        )

    manifest = store.seal(recipe, scratch, outcome, origin)
    if recorded:
        record(store, manifest, family, step.tier, step.name)
    return Made("built", manifest)


def reuse(
    step: Step,
    family: str,
    store: Store,
    *,
    warn: Callable[[str], None] = print,
    recorded: bool = True,
) -> Made | None:
    """The step's artifact if it is there and its files verify, recorded as the step's."""
    manifest = store.manifest(step.recipe.key)
    if manifest is None:
        return None
    if faults := store.faults(manifest):
        warn(f"{step.title}: {faults[0]}; building it again")
        return None
    if recorded:
        record(store, manifest, family, step.tier, step.name)
    return Made("reused", manifest)


def _here(
    step: Step, stage: Stage, inputs: Mapping[str, Path], scratch: Path, store: Store
) -> Outcome:
    recipe = step.recipe
    try:
        return child.call(stage.function, inputs, recipe.settings, scratch)
    except DescentError:
        raise
    except Exception as error:
        log = store.log(recipe.key)
        log.write_text(traceback.format_exc())
        raise StageError(_account(step, child.told(error), log)) from error


def _in_child(
    step: Step,
    stage: Stage,
    inputs: Mapping[str, Path],
    scratch: Path,
    store: Store,
    on_progress: Listener | None,
    stop: Stop,
) -> Outcome:
    recipe = step.recipe
    settings_type = type(recipe.settings)  # the very variant, where the stage takes several
    reader, writer = os.pipe()
    job = child.Job(
        function=stage.function,
        settings_type=f"{settings_type.__module__}:{settings_type.__qualname__}",
        settings=recipe.settings.model_dump_json(),
        inputs=dict(inputs),
        out=scratch,
        said_fd=writer,
    )
    path = store.root / "scratch" / f"{recipe.key}.job"
    log = store.log(recipe.key)
    with os.fdopen(reader) as pipe:
        try:
            path.write_text(job.model_dump_json())
            with log.open("wb") as output:
                # A session of its own: Ctrl-C reaches the builder alone, which ends the child.
                process = subprocess.Popen(
                    [sys.executable, "-u", "-m", "family.child", str(path)],
                    stdin=subprocess.PIPE,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    pass_fds=(writer,),
                    env={**os.environ, **child.ALLOCATOR},
                    start_new_session=True,
                )
        finally:
            os.close(writer)
        try:
            with stop.ends(lambda: _end(process)):
                report = _heard(pipe, on_progress)
                code = process.wait()
        finally:
            _end(process)
            path.unlink()
    if report.outcome:
        return report.outcome
    if stop.asked.is_set():
        raise KeyboardInterrupt(f"{step.title} was stopped")
    if report.expected:
        error = DescentError(f"{step.title}: {report.error}")
        error.exit_code = report.exit_code
        raise error
    raise StageError(_account(step, report.error or _ending(code), log))


def _heard(pipe: IO[str], on_progress: Listener | None) -> child.Report:
    """Pass on what the child says until it ends; its report, or an empty one if it was ended."""
    report = child.Report()
    for line in pipe:
        if not line.endswith("\n"):  # killed while it spoke
            break
        said = child.Said.model_validate_json(line)
        report = said.report or report
        if said.progress and on_progress:
            on_progress(said.progress)
    return report


def _end(process: "subprocess.Popen[bytes]") -> None:
    if process.stdin:
        process.stdin.close()
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _ending(code: int) -> str:
    if code >= 0:
        return f"its process ended with code {code}"
    told = f"its process was ended by {signal.Signals(-code).name}"
    if -code == signal.SIGKILL:
        told += ", which is what the kernel does when memory runs out"
    return told


def _account(step: Step, what: str, log: Path) -> str:
    return (
        f"{step.title} failed: {what}\n"
        f"  The log: {log}\n"
        f"  What was sealed is kept; the same command goes on from there."
    )
