"""One training in a process of its own: `python -m benchmarks.speed.process CASE`.

What it took goes to standard output as one line of JSON, the last.
"""

import importlib
import json
import os
import re
import shutil
import subprocess
import sys
import time
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import Literal

from family.child import ALLOCATOR
from family.stage import Settings

Side = Literal["ours", "plain", "trl"]
#: Steps that are not timed: each new shape of a tensor costs a compile.
WARM_UP = 2
#: What TRL brings along, and transformers imports for everyone once it is there.
BROUGHT = ("datasets", "scipy")


class Case(Settings):
    """What a process trains."""

    side: Side
    student: Path
    flagship: Path
    corpus: Path
    signal: Path
    steps: int
    live: bool = False
    """Whether ours runs the teacher beside the student."""
    optimizer: Literal["adamw", "adamw_8bit"] = "adamw"
    keeps_memory: bool = True
    """Whether the allocator is told to keep what it has."""
    out: Path
    """Where the student is left, a folder."""


class Run(Settings):
    """What it took."""

    ends: tuple[float, ...]
    """When each step ended, in seconds."""
    peak: int
    """Most bytes resident, loading and saving included."""
    wall: float = 0.0
    """Seconds from the process' start to its end."""

    @property
    def step(self) -> float:
        """Seconds of a step: the median, once it is warm."""
        ends = self.ends[WARM_UP:]
        return median(after - before for before, after in pairwise(ends))


def run(case: Case) -> Run:
    """Train in a process of its own."""
    shutil.rmtree(case.out, ignore_errors=True)
    case.out.mkdir(parents=True)
    path = case.out / "case.json"
    path.write_text(case.model_dump_json())
    environment = {k: v for k, v in os.environ.items() if k not in ALLOCATOR}
    if case.keeps_memory:
        environment |= ALLOCATOR
    began = time.monotonic()
    with (case.out / "log.txt").open("w") as log:
        command = [sys.executable, "-m", "benchmarks.speed.process", str(path)]
        done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, stderr=log)
    wall = time.monotonic() - began
    if done.returncode:
        tail = (case.out / "log.txt").read_text()[-2000:]
        raise SystemExit(f"{case.side} ended with code {done.returncode}:\n{tail}")
    said = json.loads(done.stdout.splitlines()[-1])
    return Run.model_validate({**said, "wall": wall})


def main(path: Path) -> None:
    case = Case.model_validate_json(path.read_bytes())
    if case.side != "trl":
        sys.modules |= dict.fromkeys(BROUGHT)  # type: ignore[arg-type]
    ends: list[float] = []
    train = importlib.import_module(f"benchmarks.speed.{case.side}").train
    train(case, lambda: ends.append(time.monotonic()))
    print(Run(ends=tuple(ends), peak=peak()).model_dump_json())


def peak() -> int:
    """Most bytes that this process had resident.

    Not `ru_maxrss`, which starts from what the process that started it had."""
    status = Path("/proc/self/status").read_text()
    found = re.search(r"^VmHWM:\s+(\d+) kB$", status, re.MULTILINE)
    assert found
    return int(found[1]) * 1024


if __name__ == "__main__":
    main(Path(sys.argv[1]))
