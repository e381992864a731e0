"""The prompts of a family, and which of them are held out."""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path

from family.corpus.split import column, fault_of, split
from family.errors import DescentError
from family.spec import GrammarPrompts, Prompts
from family.stage import DatasetFacts, Outcome


def prompts(inputs: Mapping[str, Path], settings: Prompts, out: Path) -> Outcome:
    """Write train.txt and held_out.txt, one JSON string a line, without repeats."""
    train, held = split(asked(settings), settings)
    if fault := fault_of(train, held, settings, "prompts"):
        raise DescentError(f"prompts.held_out: {fault}")
    for name, rows in (("train", train), ("held_out", held)):
        (out / f"{name}.txt").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return Outcome(dataset=DatasetFacts(kind="prompts", train=len(train), held_out=len(held)))


def read(folder: Path, name: str) -> list[str]:
    """The prompts of `train` or `held_out`."""
    return [json.loads(line) for line in (folder / f"{name}.txt").read_text().splitlines()]


def asked(settings: Prompts) -> Iterable[str]:
    """Every prompt, repeats included."""
    if isinstance(settings, GrammarPrompts):
        return [
            request.replace("{topic}", topic)
            for topic in settings.topics
            for request in settings.requests
        ]
    path = Path(settings.path)
    if path.suffix == ".jsonl":
        return column(path, "prompt")
    return [line for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
