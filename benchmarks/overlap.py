"""The wall time of a build whose steps run one after the other, and side by side.

python -m benchmarks.overlap [--heavy 6] [-o timeline.svg]

Each step sleeps for as long as its stage is given here, so only the order of steps and what Prefect
and the store take is measured. Three tiers, each pruned from the one before.
"""

import json
import tempfile
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from family.lineage.timeline import Timeline, clock, draw, timeline
from family.load import load
from family.spec import Export
from family.stage import ModelFacts, Outcome, Settings, Stage, digest_json, keyed
from family.store import Store
from flows import stages
from flows.server import prefect_api

REAL = stages.STAGES
#: The stages that take no time as they are.
THEMSELVES = ("about", "notices", "gate")
#: Seconds that a step of each stage takes, by the settings' name.
SECONDS = {"PruneStart": 1.0, "Distill": 6.0, "Evaluate": 3.0, "Export": 2.0, "Verify": 3.0}
START = {"kind": "prune", "shape": {"layers": 2}}
FAMILY = {
    "family": "sleepers",
    "flagship": {
        "name": "Sleeper",
        "licence": "Apache-2.0",
        "source": {"kind": "hub", "repo": "toys/sleeper", "revision": 40 * "a"},
    },
    "prompts": {
        "kind": "grammar",
        "held_out": 0.5,
        "topics": ["tea", "rain", "snow", "wind"],
        "requests": ["What is {topic}?"],
    },
    "tiers": {
        "mini": {"start": START},
        "nano": {"start": {**START, "from": "mini"}},
        "edge": {"start": {**START, "from": "nano"}},
    },
}


def sleep(inputs: Mapping[str, Path], settings: Settings, out: Path) -> Outcome:
    """Take a stage's time, and write what follows from its settings."""
    time.sleep(SECONDS.get(type(settings).__name__, 0.0))
    (out / "slept.txt").write_text(digest_json(keyed(settings)))
    precision = settings.precision if isinstance(settings, Export) else "fp32"
    return Outcome(
        model=ModelFacts(parameters=1, architecture="sleeper", precision=precision, shape={})
    )


def built(folder: Path, heavy: int, *, apart: bool = False) -> tuple[float, Timeline]:
    """Build the family from nothing; seconds, and when its steps ran.

    With `apart` what measures time does so on a machine of its own, as on a pool of `runs_on`."""
    from flows.build import build

    stages.STAGES = {name: slept(stage, apart) for name, stage in REAL.items()}
    name = f"{heavy}-{apart}"
    path = folder / f"{name}.yaml"
    path.write_text(json.dumps({**FAMILY, "running": {"heavy": heavy}}))
    began = time.monotonic()
    build(load(path), folder / name)
    return time.monotonic() - began, timeline(Store(folder / name), "sleepers")


def stood_in(function: str, **changes: Any) -> dict[str, Stage]:
    """The real stages with `function` for their work, but those that only look at results."""
    return {
        name: stage if name in THEMSELVES else replace(stage, function=function, **changes)
        for name, stage in REAL.items()
    }


def slept(stage: Stage, apart: bool) -> Stage:
    """The stage with sleep for work; one that takes no time is made beside the others."""
    if stage.name in THEMSELVES:
        return stage
    sleeps = any(one.__name__ in SECONDS for one in stage.settings)
    function = "benchmarks.overlap:sleep"
    return replace(stage, function=function, heavy=sleeps, alone=stage.alone and not apart)


@click.command()
@click.option("--heavy", default=6, show_default=True, help="Heavy steps at a time.")
@click.option("-o", "--output", type=click.Path(path_type=Path), help="Draw the timeline here.")
def main(heavy: int, output: Path | None) -> None:
    """Print the wall time of each way to build the family, and how much faster it is."""
    with tempfile.TemporaryDirectory() as name, prefect_api():
        folder = Path(name)
        first, one_by_one = built(folder, 1)
        beside, _ = built(folder, heavy)
        pools, found = built(folder, heavy, apart=True)
    if output:
        draw(found, output)
    click.echo(f"work                                {clock(one_by_one.work)}")
    click.echo(f"one step after the other            {clock(first)}")
    for said, seconds in (
        (f"{heavy} side by side, on one machine      ", beside),
        (f"{heavy} side by side, measuring elsewhere ", pools),
        ("the longest chain, which is the least", found.longest),
    ):
        click.echo(f"{said} {clock(seconds)}, {first / seconds:.2f} times as fast")


if __name__ == "__main__":
    main()
