"""Kills a build again and again; what comes of it must be what an undisturbed one makes.

python -m benchmarks.kills [--kills 100] [--seed 0] [--write]

A family of three tiers whose stages write their files bit by bit. At random moments of the work the
builder is ended by SIGKILL, or one of its processes: a stage's, or the local Prefect server. The
same command is run again until the family is built; then a sweep must find nothing but leftovers,
and the next build begins from nothing.
"""

import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import click
import psutil

from benchmarks.overlap import FAMILY, stood_in
from benchmarks.report import machine, write_section
from family.ledger import releases
from family.load import load
from family.progress import report
from family.release.freeze import release
from family.spec import Export
from family.stage import Edge, ModelFacts, Outcome, Settings, digest_json, keyed
from family.store import Store, sha256
from family.sweep import sweep
from flows import stages
from flows.server import prefect_api

#: Files that a stage writes, each in so many bits, and the seconds between them.
FILES, BITS, PAUSE = 3, 4, 0.01
#: About the seconds that a step takes: a kill comes in the middle of one.
MOMENT = 0.4
#: How long a process may take to end that hears of its builder's end, in seconds.
ENDS = 20.0


def write(inputs: Mapping[str, Path], settings: Settings, out: Path) -> Outcome:
    """Files that follow from inputs and settings; what an earlier run wrote whole is kept."""
    before = {name: sorted(map(sha256, path.glob("*.bin"))) for name, path in inputs.items()}
    text = digest_json({"inputs": before, "settings": keyed(settings)})
    for number in range(FILES):
        part, path = out / f"{number}.part", out / f"{number}.bin"
        if path.exists():
            continue
        with part.open("w") as file:
            for bit in range(BITS):
                file.write(f"{text} {number} {bit}\n")
                file.flush()
                report(number * BITS + bit, FILES * BITS, "bits")
                time.sleep(PAUSE)
        part.rename(path)
    precision = settings.precision if isinstance(settings, Export) else "fp32"
    return Outcome(
        model=ModelFacts(parameters=1, architecture="bits", precision=precision, shape={}),
        edges=tuple(
            Edge(kind="distilled_from", parent=name) for name in ("teacher",) if name in inputs
        ),
    )


@dataclass
class Tally:
    """What was killed, and what came of it."""

    killed: Counter[str]
    builds: int = 0
    runs: int = 0
    leftovers: int = 0


class Killing:
    """One family, built in one place after another."""

    def __init__(self, folder: Path, seed: int) -> None:
        self.folder, self.random = folder, random.Random(seed)
        self.config = folder / "family.yaml"
        self.config.write_text(json.dumps(FAMILY))
        self.tally = Tally(Counter())
        store = Store(folder / "undisturbed")
        if self.start(store).wait():
            raise click.ClickException(f"the undisturbed build failed: {self.log.read_text()}")
        self.wanted = digests(store)

    @property
    def log(self) -> Path:
        return self.folder / "builder.log"

    def start(self, store: Store) -> "subprocess.Popen[bytes]":
        command = [sys.executable, "-m", "benchmarks.kills", "--build", str(self.config)]
        environment = {**os.environ, "PREFECT_HOME": str(self.folder / "prefect")}
        self.tally.runs += 1
        with self.log.open("w") as log:
            return subprocess.Popen(
                [*command, str(store.root)], env=environment, stdout=log, stderr=log
            )

    def build(self, kills: int) -> None:
        """Build the family in a new place, with at most so many kills on the way."""
        store = Store(self.folder / f"store-{self.tally.builds}")
        left = kills
        builder = self.start(store)
        while builder.poll() is None or builder.returncode:
            if builder.poll() is not None:
                builder = self.start(store)
            if left and self.kill(builder, store):
                left -= 1
            elif builder.wait():
                raise click.ClickException(f"a build failed: {self.log.read_text()}")
        self.tally.builds += 1
        self.judge(store)

    def kill(self, builder: "subprocess.Popen[bytes]", store: Store) -> bool:
        """Kill one process of the build at a random moment of its work; false if it ended first."""
        artifacts = store.root / "artifacts"
        last = len(self.wanted) - 1
        until = self.random.randint(min(len([*artifacts.iterdir()]), last), last)
        while len([*artifacts.iterdir()]) < until or not any((store.root / "scratch").iterdir()):
            if builder.poll() is not None:
                return False
            time.sleep(0.005)
        time.sleep(self.random.uniform(0, MOMENT))
        if builder.poll() is not None:
            return False
        process = psutil.Process(builder.pid)
        family = process.children(recursive=True)
        victim = self.random.choice([process, process, *family])
        name = "the builder" if victim == process else what(victim)
        victim.send_signal(signal.SIGKILL)
        self.tally.killed[name] += 1
        if victim == process:
            builder.wait()
            _, alive = psutil.wait_procs(family, ENDS)
            if alive:
                raise click.ClickException(f"outlived their builder: {alive}")
        return True

    def judge(self, store: Store) -> None:
        """What was built is what an undisturbed build makes, and a sweep leaves just that."""
        if digests(store) != self.wanted:
            raise click.ClickException(f"{store.root} has other digests than an undisturbed build")
        release(store, "sleepers", "1.0.0", by="a benchmark")
        swept = sweep(store)
        self.tally.leftovers += len(swept.leftovers)
        if swept.artifacts or any((store.root / "scratch").iterdir()) or sweep(store).leftovers:
            raise click.ClickException(f"{store.root}: orphans stay after a sweep, or it took more")
        faults = [fault for one in store.manifests() for fault in store.faults(one)]
        if faults or digests(store) != self.wanted or len([*releases(store)]) != 1:
            raise click.ClickException(f"{store.root}: the sweep took what is needed: {faults}")


def digests(store: Store) -> dict[str, str]:
    return {one.key: one.digest for one in store.manifests()}


def what(process: psutil.Process) -> str:
    try:
        command = " ".join(process.cmdline())
    except psutil.NoSuchProcess:
        return "one that had just ended"
    return "Prefect's server" if "flows.server" in command else "a stage"


@click.command()
@click.option("--kills", default=100, show_default=True, help="How many processes are killed.")
@click.option("--each", default=8, show_default=True, help="Kills of one build, at most.")
@click.option("--seed", default=0, show_default=True, help="Decides moments and victims.")
@click.option("--write", is_flag=True, help="Into docs/BENCHMARKS.md.")
@click.option("--build", nargs=2, type=click.Path(path_type=Path), hidden=True)
def main(kills: int, each: int, seed: int, write: bool, build: tuple[Path, Path] | None) -> None:
    """Print what was killed and that the outcome is the same; end with an error if it is not."""
    stages.STAGES = stood_in("benchmarks.kills:write")
    if build:
        from flows.build import build as build_family

        with prefect_api():
            build_family(load(build[0]), build[1])
        return
    with tempfile.TemporaryDirectory() as name:
        killing = Killing(Path(name), seed)
        tally = killing.tally
        while (done := tally.killed.total()) < kills:
            killing.build(min(each, kills - done))
            click.echo(f"{tally.killed.total()} of {kills} kills", err=True)
    count = len(killing.wanted)
    victims = ", ".join(f"{name} {times}" for name, times in tally.killed.most_common())
    said = (
        f"{tally.killed.total()} kills at random moments: {victims}. {tally.builds} builds in "
        f"{tally.runs} runs all ended with the {count} digests of the undisturbed one. Sweeps took "
        f"{tally.leftovers} leftovers and nothing that is needed; no orphan stayed."
    )
    click.echo(said)
    if write:
        title, command = "A hundred kills", f"python -m benchmarks.kills --kills {kills}"
        write_section(title, command, f"{said} {machine()}")


if __name__ == "__main__":
    main()
