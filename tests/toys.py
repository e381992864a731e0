"""A stage table of toys: the real names and settings, and work that takes no time.

Each toy leaves one file that depends on all its inputs and settings, as real work does. Some
misbehave; `table(distill="dies")` puts them to work.
"""

import os
import signal
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from family.errors import DescentError
from family.parallel.place import here, meet
from family.plan import Leaves, Planned, Step, plan, steps
from family.progress import report
from family.run import Made, make
from family.spec import FamilySpec
from family.stage import ModelFacts, Outcome, Settings, Stage, digest_json, keyed
from family.store import Store
from flows.stages import STAGES

LEAVES = Leaves(flagship="f" * 64)


def table(**heavy: str) -> dict[str, Stage]:
    """The real stages with toys for functions; those named run in a child process."""
    return {
        name: replace(stage, function=f"tests.toys:{heavy.get(name, 'toy')}", heavy=name in heavy)
        for name, stage in STAGES.items()
    }


# ---- families ------------------------------------------------------------------------------


def family(tiers: Mapping[str, Mapping[str, Any]] | None = None, **others: Any) -> FamilySpec:
    """mini and nano start from the flagship, edge from mini; or the given tiers."""
    start = {"kind": "prune", "shape": {"layers": 2}}
    tiers = tiers or {
        "mini": {},
        "nano": {"distill": {"tokens": 100_000}},
        "edge": {"start": {**start, "from": "mini"}},
    }
    raw = {
        "family": "toys",
        "flagship": {
            "name": "Toy",
            "licence": "Apache-2.0",
            "source": {"kind": "gguf", "path": "/toy.gguf"},
        },
        "prompts": {"kind": "grammar", "topics": ["a", "b"], "requests": ["What is {topic}?"]},
        "tiers": {name: {"start": start, **tier} for name, tier in tiers.items()},
    }
    return FamilySpec.model_validate({**raw, **others})


def changed(spec: FamilySpec, path: str, value: object) -> FamilySpec:
    """The spec with one setting changed: `changed(spec, "tiers.nano.distill.tokens", 7)`."""
    raw = spec.model_dump()
    *parents, last = path.split(".")
    at = raw
    for name in parents:
        at = at[name]
    at[last] = value
    return FamilySpec.model_validate(raw, by_name=True)


# ---- walking the true path -----------------------------------------------------------------


def build(spec: FamilySpec, store: Store, stages: Mapping[str, Stage] | None = None) -> list[str]:
    """Build a family without Prefect; ids of the steps that were not reused."""
    stages = stages or table()
    found = steps(spec, LEAVES, stages)
    built = []
    for step in found:
        if make(step, spec.family, stages[step.recipe.stage], store).how == "built":
            built.append(step.id)
    store.set_head(spec.family, {step.id: step.recipe.key for step in found})
    return built


def planned(spec: FamilySpec, store: Store) -> dict[str, Planned]:
    """What a build would do now, by step id."""
    found = steps(spec, LEAVES, table())
    shallow = plan(
        found, store.head(spec.family), store.manifest, lambda one: store.faults(one, deep=False)
    )
    return {one.step.id: one for one in shallow}


def stale(spec: FamilySpec, store: Store) -> dict[str, str]:
    """Id -> reason of each stale step."""
    return {name: one.reason for name, one in planned(spec, store).items() if one.status == "stale"}


def only(spec: FamilySpec, step: str = "/responses", **heavy: str) -> tuple[Step, Stage]:
    """One step of a family with its stage."""
    stages = table(**heavy)
    found = next(one for one in steps(spec, LEAVES, stages) if one.id == step)
    return found, stages[found.recipe.stage]


def make_one(store: Store, **heavy: str) -> Made:
    """Make the family's responses with the toy that is named."""
    step, stage = only(family(), **heavy)
    return make(step, "toys", stage, store)


# ---- the toys ------------------------------------------------------------------------------


def toy(inputs: Mapping[str, Path], settings: Settings, out: Path) -> Outcome:
    """Write one file that depends on all inputs and settings."""
    before = {name: (path / "toy.txt").read_text() for name, path in inputs.items()}
    (out / "toy.txt").write_text(digest_json({"inputs": before, "settings": keyed(settings)}))
    return Outcome(model=ModelFacts(parameters=1, architecture="toy", precision="fp32", shape={}))


def fails(inputs: Mapping[str, Path], settings: Settings, out: Path) -> Outcome:
    (out / "half.txt").write_text("half")
    print("a line for the log")
    raise ValueError("three is not four")


def refuses(inputs: Mapping[str, Path], settings: Settings, out: Path) -> Outcome:
    raise DescentError("none of 3 conversations fits. Raise corpus.block.")


def reports(inputs: Mapping[str, Path], settings: Settings, out: Path) -> Outcome:
    for done in range(4):
        report(done, 3, "steps", loss=1 / (done + 1))
    return toy(inputs, settings, out)


def tells_its_process(inputs: Mapping[str, Path], settings: Settings, out: Path) -> Outcome:
    (out / "pid").write_text(str(os.getpid()))
    (out / "allocator").write_text(os.environ.get("MALLOC_TRIM_THRESHOLD_", ""))
    return toy(inputs, settings, out)


def dies(inputs: Mapping[str, Path], settings: Settings, out: Path) -> Outcome:
    (out / "half.txt").write_text("half")
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError("still alive")


def exits(inputs: Mapping[str, Path], settings: Settings, out: Path) -> Outcome:
    os._exit(7)


def lingers(inputs: Mapping[str, Path], settings: Settings, out: Path) -> Outcome:
    """Work, deaf to SIGTERM, until the process is gone."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    (out / "half.txt").write_text("half")
    (out / "pid").write_text(str(os.getpid()))
    report(0, 1, "steps")
    time.sleep(60)
    raise AssertionError("nobody ended this")


def resumes(inputs: Mapping[str, Path], settings: Settings, out: Path) -> Outcome:
    """Three parts: the first run lingers after the second, the next one goes on from there."""
    parts = out / "parts.txt"
    begun = parts.exists()
    done = parts.read_text().splitlines() if begun else []
    for part in range(len(done), 3):
        with parts.open("a") as file:
            file.write(f"{os.getpid()}\n")
        if part == 1 and not begun:
            lingers(inputs, settings, out)
    return toy(inputs, settings, out)


def the_second_dies(inputs: Mapping[str, Path], settings: Settings, out: Path) -> Outcome:
    """The second of several processes is ended by the signal whose number is the seed."""
    if here().rank == 1:
        os.kill(os.getpid(), settings.seed)
    time.sleep(60)
    raise AssertionError("nobody ended this")


def the_second_refuses(inputs: Mapping[str, Path], settings: Settings, out: Path) -> Outcome:
    """The second of several processes gives up, while the others wait for it."""
    meet()
    return refuses(inputs, settings, out) if here().rank == 1 else _wait_for_the_second()


def the_second_lingers(inputs: Mapping[str, Path], settings: Settings, out: Path) -> Outcome:
    """The second of several processes works, while the others wait for it."""
    meet()
    if here().rank == 1:
        (out / "pid").write_text(str(os.getpid()))
        time.sleep(60)
    return _wait_for_the_second()


def _wait_for_the_second() -> Outcome:
    import torch.distributed as processes

    processes.barrier()
    raise AssertionError("it came")


def tells_its_place(inputs: Mapping[str, Path], settings: Settings, out: Path) -> Outcome:
    place = here()
    (out / "place").write_text(f"{place.rank} of {place.world}")
    return toy(inputs, settings, out)


def writes_a_lot(inputs: Mapping[str, Path], settings: Settings, out: Path) -> Outcome:
    with (out / "large.bin").open("wb") as file:
        for _ in range(64):
            file.write(bytes(2**20))
    return toy(inputs, settings, out)


def meets_a_full_disk(inputs: Mapping[str, Path], settings: Settings, out: Path) -> Outcome:
    with Path("/dev/full").open("w") as file:
        file.write("anything")
    raise AssertionError("/dev/full took it")
