"""What Prefect, the store and the index take of a build, apart from its stages' work.

python -m benchmarks.upkeep [--tiers 40] [--write]

Families of the demo's three tiers and of many, each tier with its twelve steps, are planned, built
and built again. Stages take no time and write one small file, so all that is measured is ours.
"""

import json
import tempfile
from pathlib import Path

import click

from benchmarks.overlap import FAMILY, START, stood_in
from benchmarks.report import machine, timed, write_section
from family.load import load
from family.store import Store
from flows import planning, stages
from flows.server import prefect_api

Row = tuple[str, str, str, str, str]


def measured(folder: Path, tiers: int) -> Row:
    """Seconds of a plan, of a build and of one that has nothing to do, for so many tiers."""
    export = {"export": [{"precision": one} for one in ("fp32", "int8", "int4")]}
    path = folder / f"{tiers}.yaml"
    each = {f"tier{number}": {"start": START, **export} for number in range(tiers)}
    path.write_text(json.dumps({**FAMILY, "tiers": each}))
    spec, store = load(path), folder / f"store-{tiers}"

    def build() -> None:
        with prefect_api():
            from flows.build import build

            build(spec, store)

    first, again = timed(build), timed(build)
    opened = Store(store)
    steps = len(planning.steps(spec, opened))
    plan = timed(lambda: planning.planned(spec, opened))
    return str(tiers), str(steps), f"{plan:.2f}", f"{first:.1f}", f"{again:.1f}"


@click.command()
@click.option("--tiers", default=40, show_default=True, help="Of the large family.")
@click.option("--write", is_flag=True, help="Into docs/BENCHMARKS.md.")
def main(tiers: int, write: bool) -> None:
    """Print seconds for a small and a large family."""
    import prefect.main  # noqa: F401  # once for all builds, as `descent` does for its one

    from benchmarks.overlap import SECONDS

    SECONDS.clear()
    stages.STAGES = stood_in("benchmarks.overlap:sleep", heavy=False)
    with tempfile.TemporaryDirectory() as name:
        rows = [measured(Path(name), count) for count in (3, tiers)]
    head = ("tiers", "steps", "plan, s", "build, s", "build again, s")
    lines = [head, ("---:",) * len(head), *rows]
    table = "\n".join(f"| {' | '.join(line)} |" for line in lines)
    click.echo(table)
    if write:
        said = f"Stages take no time: this is what all else takes. {machine()}\n\n{table}"
        write_section("Upkeep of a build", "python -m benchmarks.upkeep", said)


if __name__ == "__main__":
    main()
