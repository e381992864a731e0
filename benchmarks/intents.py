"""A bounded task: CLINC150's 150 intents, from a base model to int8 files of three sizes.

    python -m benchmarks.intents clinc150/train_val.json [--store DIR] [--write]

Writes the data set's training and validation splits as rows beside the store, builds
configs/intents.yaml from them, and prints what each member keeps of the flagship's accuracy after
its export to int8. Gates that are missed do not stop it. The minutes are those of the steps that
were built, whenever that was. `--write` puts the table into docs/BENCHMARKS.md.
"""

import argparse
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import yaml

from benchmarks.report import machine, write_section
from family.leaves import leaves
from family.load import load
from family.plan import Step, steps
from family.run import make
from family.spec import FLAGSHIP, FamilySpec
from family.stage import Metric
from family.store import Manifest, Store
from flows.stages import STAGES

CONFIG = Path(__file__).parent.parent / "configs/intents.yaml"
#: The data set's splits, by the names of the files that the family reads.
SPLITS = {"intents-train.jsonl": "train", "intents-valid.jsonl": "val"}
#: What is shipped.
FILE = "int8"


class Goal(NamedTuple):
    """What a tier is to be."""

    size: float
    """At most this share of the flagship's parameters."""
    kept: float
    """At least this share of the flagship's accuracy, in the exported file."""


#: The flagship's least accuracy, each tier's goal, and the minutes that all of it may take.
ACCURACY, MINUTES = 0.94, 45
GOALS = {"mini": Goal(1 / 2, 0.99), "nano": Goal(1 / 4, 0.98), "edge": Goal(1 / 9, 0.96)}


class Shipped(NamedTuple):
    """An exported file's figures."""

    accuracy: float
    megabytes: float
    milliseconds: float
    """For a row, on one thread."""

    @property
    def cells(self) -> tuple[str, str]:
        return f"{self.megabytes:.1f}", f"{self.milliseconds:.1f}"


class Member(NamedTuple):
    """A model's figures."""

    parameters: int
    accuracy: float
    interval: tuple[float, float]
    file: Shipped | None


def rows(source: Path, out: Path) -> None:
    """CLINC150's pairs of a sentence and its intent as JSONL rows. The sentences that have none of
    the intents are left out."""
    splits = json.loads(source.read_text())
    for name, split in SPLITS.items():
        with (out / name).open("w") as file:
            for text, label in splits[split]:
                file.write(json.dumps({"text": text, "intent": label}) + "\n")


def family(out: Path) -> FamilySpec:
    """configs/intents.yaml with the rows that lie in `out`, and gates that stop nothing."""
    written = yaml.safe_load(CONFIG.read_text())
    for tier in written["tiers"].values():
        del tier["gate"]
    path = out / CONFIG.name
    path.write_text(yaml.safe_dump(written, sort_keys=False))
    return load(path)


def built(spec: FamilySpec, store: Store) -> dict[str, Manifest]:
    """Build what is stale; what is sealed, by the step's id."""
    found: dict[str, Manifest] = {}
    for step in steps(spec, leaves(spec, None), STAGES):
        print(f"{step.title} ...", file=sys.stderr, flush=True)
        made = make(step, spec.family, STAGES[step.recipe.stage], store, recorded=False)
        found[step.id] = made.manifest
        _tell(step, made.manifest)
    return found


def _tell(step: Step, manifest: Manifest) -> None:
    figures = [f"{one.about} {one.name} {one.value:.4g}" for one in manifest.outcome.metrics]
    print(f"  {manifest.origin.seconds:.0f} s {', '.join(figures)}", file=sys.stderr, flush=True)


def members(spec: FamilySpec, found: Mapping[str, Manifest]) -> dict[str, Member]:
    """The flagship's figures, which is not exported, and each tier's."""
    told: dict[str, Member] = {}
    for name in spec.tiers:
        scores = _figures(found[f"{name}/evaluate"]) | _figures(found[f"{name}/verify"])
        if not told:
            parameters = _parameters(found[f"/{FLAGSHIP}"])
            told[FLAGSHIP] = _member(parameters, scores["reference", "accuracy"], None)
        shipped = ("accuracy", "megabytes", "ms_per_row")
        file = Shipped(*(scores[FILE, figure].value for figure in shipped))
        parameters = _parameters(found[f"{name}/distill"])
        told[name] = _member(parameters, scores["model", "accuracy"], file)
    return told


def _member(parameters: int, accuracy: Metric, file: Shipped | None) -> Member:
    assert accuracy.low is not None
    assert accuracy.high is not None
    return Member(parameters, accuracy.value, (accuracy.low, accuracy.high), file)


def _figures(manifest: Manifest) -> dict[tuple[str, str], Metric]:
    return {(one.about, one.name): one for one in manifest.outcome.metrics}


def _parameters(manifest: Manifest) -> int:
    assert manifest.outcome.model is not None
    return manifest.outcome.model.parameters


def table(found: Mapping[str, Member], minutes: float) -> str:
    """Markdown: each member next to its goal."""
    lines = [
        f"| model | parameters | of the flagship's | accuracy | {FILE} file | kept | goal | MB | "
        "ms a row |",
        "| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    for name, one in found.items():
        goal = f"≥ {ACCURACY:.0%}" if name == FLAGSHIP else f"≥ {GOALS[name].kept:.0%}"
        shipped = ["-"] * 4
        if one.file:
            kept = f"**{_kept(found, name):.1%}**"
            shipped = [f"{one.file.accuracy:.2%}", kept, *one.file.cells]
        size = one.parameters / found[FLAGSHIP].parameters
        low, high = one.interval
        accuracy = f"{one.accuracy:.2%} [{low:.1%}, {high:.1%}]"
        cells = [name, f"{one.parameters / 1e6:.1f} M", f"{size:.3f}", accuracy, *shipped[:2]]
        lines.append(f"| {' | '.join([*cells, goal, *shipped[2:]])} |")
    lines.append("")
    lines.append(f"All of it took {minutes:.0f} minutes; the goal is {MINUTES}.")
    return "\n".join(lines)


def missed(found: Mapping[str, Member], minutes: float) -> list[str]:
    """What falls short of its goal."""
    flagship = found[FLAGSHIP]
    said = []
    if flagship.accuracy < ACCURACY:
        said.append(f"the flagship's accuracy is {flagship.accuracy:.2%}")
    for name, goal in GOALS.items():
        if (size := found[name].parameters / flagship.parameters) > goal.size:
            said.append(f"{name} has {size:.3f} of the flagship's parameters")
        if (kept := _kept(found, name)) < goal.kept:
            said.append(f"{name} keeps {kept:.1%}")
    if minutes > MINUTES:
        said.append(f"it took {minutes:.0f} minutes")
    return said


def _kept(found: Mapping[str, Member], name: str) -> float:
    """Accuracy of a tier's exported file over the flagship's own."""
    file = found[name].file
    assert file is not None
    return file.accuracy / found[FLAGSHIP].accuracy


def main() -> int:
    """Print the table; 1 if a goal is missed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("source", type=Path, help="CLINC150's train_val.json, or data_full.json.")
    parser.add_argument("--store", type=Path, default=Path(".descent"))
    parser.add_argument("--write", action="store_true", help="into docs/BENCHMARKS.md")
    options = parser.parse_args()
    options.store.mkdir(exist_ok=True)
    beside = options.store.absolute()
    rows(options.source, beside)
    spec = family(beside)
    store = Store(options.store)
    with store.lock(spec.family):
        found = built(spec, store)
    minutes = sum(one.origin.seconds for one in found.values()) / 60
    told = members(spec, found)
    text = table(told, minutes)
    print(text)
    lost = missed(told, minutes)
    print(f"Missed: {'; '.join(lost)}." if lost else "Every goal is met.")
    if options.write:
        command = f"python -m benchmarks.intents {options.source.name}"
        write_section("A bounded task", command, f"{text}\n\n{machine()}")
    return 1 if lost else 0


if __name__ == "__main__":
    sys.exit(main())
