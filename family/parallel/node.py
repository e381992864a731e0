"""Lends this machine to the builds in a store: `python -m family.parallel.node STORE --number 1`.

It takes part in each step that asks for several nodes, as it comes up, until it is stopped. The
builder's machine is node 0 and needs none of this.
"""

import argparse
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

from family.child import Job
from family.spec import distributed

#: Seconds between two looks at the store.
EVERY = 0.5


def main(store: Path, number: int) -> None:
    taken: set[str] = set()
    while True:
        for path in sorted((store / "scratch").glob("*.job")):
            job = _job(path)
            if job and job.run not in taken and distributed(job.asked()).nodes > number:
                taken.add(job.run)
                _take_part(path, job, number)
        time.sleep(EVERY)


def _take_part(path: Path, job: Job, number: int) -> None:
    """Run this node's share, until it ends or the builder has given the step up."""
    print(f"{path.stem}: taking part as node {number}", flush=True)
    command = [sys.executable, "-m", "family.parallel.agent", str(path), "--node", str(number)]
    with subprocess.Popen(command) as process:
        try:
            while process.poll() is None:
                now = _job(path)
                if not now or now.run != job.run:
                    process.terminate()
                    break
                time.sleep(EVERY)
        except BaseException:
            process.terminate()
            raise
    print(f"{path.stem}: ended with code {process.returncode}", flush=True)


def _job(path: Path) -> Job | None:
    """The job that a builder runs now; None if it has ended."""
    with suppress(FileNotFoundError):
        return Job.model_validate_json(path.read_bytes())
    return None


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m family.parallel.node", description=__doc__)
    parser.add_argument("store", type=Path, help="The builder's store, under the same path here.")
    parser.add_argument("--number", type=int, required=True, help="This node's: 1, 2, ...")
    asked = parser.parse_args()
    with suppress(KeyboardInterrupt):
        main(asked.store, asked.number)
