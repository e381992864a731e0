"""The process in which a heavy stage runs: `python -m family.child JOB`.

Its memory is gone when it ends, a kill of it does not take the builder along, and it ends when
the builder does: its standard input is a pipe that the builder holds open. What it has to say
goes through another pipe, which works on a full disk too.
"""

import importlib
import os
import sys
import threading
import traceback
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import cast

from pydantic import BaseModel

from family.errors import DescentError
from family.progress import Progress, listen
from family.stage import Outcome, Settings
from family.store import disk_faults

#: Told to glibc before Python starts, so that large blocks are kept rather than handed back to
#: the kernel and faulted in again at each step: a training step is 1.6 times faster.
ALLOCATOR = {
    "MALLOC_MMAP_THRESHOLD_": str(2**30),
    "MALLOC_TRIM_THRESHOLD_": str(2**32),
}

StageFunction = Callable[[Mapping[str, Path], Settings, Path], Outcome]


class Job(BaseModel):
    """What the child is to do. Paths are absolute."""

    function: str
    settings_type: str
    settings: str
    inputs: dict[str, Path]
    out: Path
    said_fd: int


class Report(BaseModel):
    """How it went: an outcome, or an error and whether the user can mend it."""

    outcome: Outcome | None = None
    error: str | None = None
    exit_code: int = 1
    expected: bool = False


class Said(BaseModel):
    """One line from the child: how far it is, or in the end how it went."""

    progress: Progress | None = None
    report: Report | None = None


def load(reference: str) -> object:
    """The object that "module:name" names."""
    module, _, name = reference.partition(":")
    return getattr(importlib.import_module(module), name)


def call(function: str, inputs: Mapping[str, Path], settings: Settings, out: Path) -> Outcome:
    """Run a stage's function in this process."""
    with disk_faults(out):
        return cast(StageFunction, load(function))(inputs, settings, out)


def told(error: Exception) -> str:
    """`ValueError: three is not four`."""
    return f"{type(error).__name__}: {error}"


def until_builder_ends() -> None:
    """Return once standard input does, which the builder holds open."""
    # Not through sys.stdin: a lock held on it at exit aborts the interpreter.
    while os.read(0, 1024):
        pass


def _end_with_builder() -> None:
    until_builder_ends()
    os._exit(70)


def main(path: Path) -> int:
    threading.Thread(target=_end_with_builder, daemon=True).start()
    job = Job.model_validate_json(path.read_bytes())
    pipe = os.fdopen(job.said_fd, "w", buffering=1)

    def say(said: Said) -> None:
        pipe.write(said.model_dump_json() + "\n")

    listen(lambda progress: say(Said(progress=progress)))
    settings_type = cast(type[Settings], load(job.settings_type))
    settings = settings_type.model_validate_json(job.settings, by_name=True)
    report = Report()
    try:
        report.outcome = call(job.function, job.inputs, settings, job.out)
    except DescentError as error:
        report.error, report.expected, report.exit_code = str(error), True, error.exit_code
    except Exception as error:
        traceback.print_exc()
        report.error = told(error)
    say(Said(report=report))
    return 0 if report.outcome else 1


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
