"""Runs a heavy stage in processes of its own: the builder's side of `family.child`."""

import os
import socket
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import IO

from family import child
from family.errors import DescentError, StageError, StoreError
from family.parallel.place import TOLD
from family.plan import Step
from family.progress import Listener
from family.spec import distributed
from family.stage import Outcome, Stage
from family.stopping import Stop
from family.store import Store, write_json


def run(
    step: Step,
    stage: Stage,
    inputs: Mapping[str, Path],
    scratch: Path,
    store: Store,
    on_progress: Listener | None,
    stop: Stop,
) -> Outcome:
    """Run the stage to its end, in as many processes as its settings ask for.

    Raises what `family.run.make` does; an error's `may_pass` says whether another try is worth it.
    """
    recipe = step.recipe
    settings_type = type(recipe.settings)  # the very variant, where the stage takes several
    ours, theirs = socket.socketpair()
    job = child.Job(
        function=stage.function,
        settings_type=f"{settings_type.__module__}:{settings_type.__qualname__}",
        settings=recipe.settings.model_dump_json(),
        inputs=dict(inputs),
        out=scratch,
        said_fd=0,
    )
    path = store.root / "scratch" / f"{recipe.key}.job"
    log = store.log(recipe.key)
    module = "family.parallel.agent" if distributed(recipe.settings).world > 1 else "family.child"
    with ours:
        try:
            write_json(path, job.model_dump(mode="json"))  # whole: other nodes read it too
            with log.open("wb") as output:
                # A session of its own: Ctrl-C reaches the builder alone, which ends the child.
                process = subprocess.Popen(
                    [sys.executable, "-u", "-m", module, str(path)],
                    stdin=theirs.fileno(),
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    env={**_environment(), **child.ALLOCATOR},
                    start_new_session=True,
                )
        finally:
            theirs.close()
        try:
            with stop.ends(lambda: _end(process, ours)), ours.makefile() as said:
                report = _heard(said, on_progress)
                code = process.wait()
        finally:
            _end(process, ours)
            path.unlink()
    if report.outcome:
        return report.outcome
    if stop.asked.is_set():
        raise KeyboardInterrupt(f"{step.title} was stopped")
    if report.expected:
        kind = StoreError if report.of_store else DescentError
        error = kind(f"{step.title}: {report.error}")
        error.exit_code, error.may_pass = report.exit_code, report.may_pass
        raise error
    if report.error:
        raise failed(step, report.error, log, report.may_pass)
    raise failed(step, f"its process {child.ending(code)}", log, -code in child.FROM_OUTSIDE)


def failed(step: Step, what: str, log: Path, may_pass: bool) -> StageError:
    """The error of a step that failed in a way that its stage did not expect."""
    error = StageError(
        f"{step.title} failed: {what}\n"
        f"  The log: {log}\n"
        f"  What was sealed is kept; the same command goes on from there."
    )
    error.may_pass = may_pass
    return error


def _environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if name not in TOLD}


def _heard(pipe: IO[str], on_progress: Listener | None) -> child.Report:
    """Pass on what the child says until it ends; its report, or an empty one if it was ended.

    Of several processes' errors one counts, from which the others follow."""
    report = child.Report()
    for line in pipe:
        if not line.endswith("\n"):  # killed while it spoke
            break
        said = child.Said.model_validate_json(line)
        if said.report:
            report = max(report, said.report, key=_weight)
        if said.progress and on_progress:
            on_progress(said.progress)
    return report


def _weight(report: child.Report) -> tuple[bool, ...]:
    own = not report.may_pass  # rather than that another one has gone
    return bool(report.outcome), report.expected, report.lost, bool(report.error), own


def _end(process: "subprocess.Popen[bytes]", held: socket.socket) -> None:
    held.shutdown(socket.SHUT_WR)
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
