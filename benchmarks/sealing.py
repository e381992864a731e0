"""How fast an artifact is sealed, beside a plain copy of the same files on the same disk.

python -m benchmarks.sealing [--gigabytes 2] [--rounds 5] [--write]

Sealing reads every file for its digest and waits until all of it is on the disk; so does the copy
that it is held against, which reads the files, writes them and waits. The speed of a copy that does
not wait, most of which is still in memory when it ends, is told too. All take turns.
"""

import os
import resource
import shutil
import statistics
import tempfile
from functools import partial
from pathlib import Path

import click

from benchmarks.report import machine, timed, write_section
from family.stage import Outcome, Recipe, Settings
from family.store import Origin, Store, sync

FILES = 4
CHUNK = 2**24


class Weights(Settings):
    """What the recipes differ in."""

    turn: int


def weights(folder: Path, gigabytes: float) -> None:
    """Write files of so many GB together, which nobody can compress."""
    noise = os.urandom(CHUNK)
    for number in range(FILES):
        with (folder / f"model-{number}.safetensors").open("wb") as file:
            for _ in range(round(gigabytes * 1e9 / FILES / CHUNK)):
                file.write(noise)


def copied(source: Path, target: Path, *, waits: bool) -> None:
    """Copy a folder, and wait until it is on the disk if asked to."""
    shutil.copytree(source, target)
    if waits:
        for path in target.iterdir():
            sync(path)
        sync(target)


def sealed(store: Store, source: Path, turn: int) -> None:
    recipe = Recipe("start", 1, Weights(turn=turn), {})
    origin = Origin(family="f", tier="t", step="start", started="", seconds=0.0)
    store.seal(recipe, source, Outcome(), lambda: origin)


@click.command()
@click.option("--gigabytes", default=2.0, show_default=True)
@click.option("--rounds", default=5, show_default=True)
@click.option("--write", is_flag=True, help="Into docs/BENCHMARKS.md.")
@click.option("--folder", type=click.Path(exists=True, path_type=Path), help="On which disk.")
def main(gigabytes: float, rounds: int, write: bool, folder: Path | None) -> None:
    """Print both speeds as a ratio, and the memory that sealing took."""
    seals: list[float] = []
    copies: dict[bool, list[float]] = {True: [], False: []}
    with tempfile.TemporaryDirectory(dir=folder) as name:
        store, copy = Store(Path(name) / "store"), Path(name) / "copy"
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        for turn in range(rounds):
            scratch = store.scratch(f"{turn}", keep=False)
            weights(scratch, gigabytes)
            for waits, times in copies.items():
                os.sync()
                times.append(timed(partial(copied, scratch, copy, waits=waits)))
                shutil.rmtree(copy)
            # Written anew, as by a stage: what was just copied is on the disk already, and ext4
            # flushes a file that is cut and written again as it is closed.
            scratch = store.scratch(f"{turn}", keep=False)
            os.sync()
            weights(scratch, gigabytes)
            seals.append(timed(partial(sealed, store, scratch, turn)))
            shutil.rmtree(store.root / "artifacts")
            (store.root / "artifacts").mkdir()
        grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    lines = [f"{gigabytes:g} GB, {rounds} rounds; sealing took {grown:.0f} MB of memory."]
    for waits, times in copies.items():
        ratios = [copy / seal for copy, seal in zip(times, seals, strict=True)]
        until = "is on the disk" if waits else "has been written to memory"
        lines.append(
            f"Sealed at {statistics.median(ratios):.2f} times the speed of a copy until it {until} "
            f"({min(ratios):.2f} to {max(ratios):.2f})."
        )
    click.echo("\n".join(lines))
    if write:
        body = " ".join([*lines, machine()])
        write_section("Sealing an artifact", "python -m benchmarks.sealing", body)


if __name__ == "__main__":
    main()
