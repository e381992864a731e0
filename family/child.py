"""The process in which a heavy stage runs: `python -m family.child JOB`.

Its memory is gone when it ends, a kill of it does not take the builder along, and it ends when
the builder does: its standard input is a socket that the builder holds open. What it has to say
goes through the same socket, which works on a full disk too. A stage may have several such
processes, under `family.parallel.agent`: the first of them tells how far it is and what it made,
and any of them what went wrong.
"""

import importlib
import os
import select
import signal
import sys
import threading
import traceback
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import cast
from uuid import uuid4

from pydantic import BaseModel, Field

from family.errors import DescentError, StoreError
from family.parallel.place import here
from family.passing import may_pass
from family.progress import Progress, listen
from family.stage import Outcome, Settings
from family.store import disk_faults

#: Told to glibc before Python starts, so that large blocks are kept rather than handed back to
#: the kernel and faulted in again at each step: a training step is 1.6 times faster.
ALLOCATOR = {
    "MALLOC_MMAP_THRESHOLD_": str(2**30),
    "MALLOC_TRIM_THRESHOLD_": str(2**32),
}

#: How torch, ONNX Runtime and the kernel say that there is no memory, on processors and devices.
OUT_OF_MEMORY = ("allocate memory", "OutOfMemoryError", "out of memory")
#: The signals by which a process is ended from outside: by the kernel when memory runs out, or by
#: who stops a machine. One that ends itself (SIGSEGV, SIGABRT) would do so again.
FROM_OUTSIDE = frozenset({signal.SIGKILL, signal.SIGTERM, signal.SIGHUP})
#: How gloo and NCCL say that another process of the stage is no longer there.
GONE = ("Connection closed by peer", "Connection reset by peer", "remote process exited")
SMALLER = "Let it take less (raise `accumulate`, lower `batch`), or use a larger machine."

StageFunction = Callable[[Mapping[str, Path], Settings, Path], Outcome]


class Job(BaseModel):
    """What the child is to do. Paths are absolute."""

    function: str
    settings_type: str
    settings: str
    inputs: dict[str, Path]
    out: Path
    said_fd: int
    run: str = Field(default_factory=lambda: uuid4().hex)
    """What tells this try at it from the ones before."""

    def asked(self) -> Settings:
        """The stage's settings."""
        settings_type = cast(type[Settings], load(self.settings_type))
        return settings_type.model_validate_json(self.settings, by_name=True)


class Report(BaseModel):
    """How it went: an outcome, or an error and whether the user can mend it."""

    outcome: Outcome | None = None
    error: str | None = None
    exit_code: int = 1
    expected: bool = False
    of_store: bool = False
    may_pass: bool = False
    lost: bool = False
    """One of several processes ended without a word, and the others' errors follow from that."""


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
    """`ValueError: three is not four`; what memory lacks, with the way on."""
    text = f"{type(error).__name__}: {error}".rstrip(": ")
    if isinstance(error, MemoryError) or any(sign in text for sign in OUT_OF_MEMORY):
        text += f". Memory ran out. {SMALLER}"
    return text


def ending(code: int) -> str:
    """How a process ended, by its exit code: `was ended by SIGTERM`."""
    if code >= 0:
        return f"ended with code {code}"
    text = f"was ended by {signal.Signals(-code).name}"
    if -code == signal.SIGKILL:
        text += f", which is what the kernel does when memory runs out. If it did: {SMALLER}"
    return text


def until_builder_ends() -> None:
    """Return once standard input does, which the builder holds open, or the parent process."""
    parent = os.getppid()
    with suppress(ConnectionResetError):  # it was killed before it had read all that was said
        while os.getppid() == parent:
            # Not through sys.stdin: a lock held on it at exit aborts the interpreter.
            if select.select([0], [], [], 1.0)[0] and not os.read(0, 1024):
                return


def _end_with_builder() -> None:
    until_builder_ends()
    os._exit(70)


def main(path: Path) -> int:
    threading.Thread(target=_end_with_builder, daemon=True).start()
    job = Job.model_validate_json(path.read_bytes())
    first = here().first
    pipe = os.fdopen(job.said_fd, "w", buffering=1, closefd=False)

    def say(said: Said) -> None:
        pipe.write(said.model_dump_json() + "\n")

    if first:
        listen(lambda progress: say(Said(progress=progress)))
    settings = job.asked()
    report = Report()
    try:
        report.outcome = call(job.function, job.inputs, settings, job.out)
    except DescentError as error:
        report.error, report.expected, report.exit_code = str(error), True, error.exit_code
        report.of_store, report.may_pass = isinstance(error, StoreError), may_pass(error)
    except Exception as error:
        traceback.print_exc()
        report.error, report.may_pass = told(error), may_pass(error)
        if here().world > 1 and any(sign in str(error) for sign in GONE):
            report.error = "a process on another node has gone; what it said stands there"
            report.may_pass = True
    if first or not report.outcome:
        say(Said(report=report))
    return 0 if report.outcome else 1


if __name__ == "__main__":
    code = main(Path(sys.argv[1]))
    if here().world > 1:
        # Neither kept nor destroyed does torch 2.13's gloo group let a process end reliably: its
        # thread wants the interpreter's lock, which whoever tears it down and waits for it holds.
        sys.stdout.flush()
        os._exit(code)
    sys.exit(code)
