"""The prompts of a family, and which of them are held out."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path

from family.errors import DescentError
from family.spec import FilePrompts, GrammarPrompts
from family.stage import DatasetFacts, Outcome


def prompts(
    inputs: Mapping[str, Path], settings: GrammarPrompts | FilePrompts, out: Path
) -> Outcome:
    """Write train.txt and held_out.txt, one JSON string a line, without repeats."""
    train, held = split(settings)
    if fault := fault_of(train, held, settings):
        raise DescentError(f"prompts.held_out: {fault}")
    for name, rows in (("train", train), ("held_out", held)):
        (out / f"{name}.txt").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return Outcome(dataset=DatasetFacts(kind="prompts", train=len(train), held_out=len(held)))


def split(settings: GrammarPrompts | FilePrompts) -> tuple[list[str], list[str]]:
    """The prompts to train on and those held out, without repeats."""
    train: list[str] = []
    held: list[str] = []
    for prompt in dict.fromkeys(_all(settings)):
        side = held if is_held_out(prompt, settings.held_out, settings.seed) else train
        side.append(prompt)
    return train, held


def fault_of(
    train: list[str], held: list[str], settings: GrammarPrompts | FilePrompts
) -> str | None:
    """Why a split cannot be used, if it cannot."""
    if train and held:
        return None
    side = "held out" if train else "to train on"
    return (
        f"{settings.held_out:g} of {len(train) + len(held)} prompts, drawn with seed "
        f"{settings.seed}, leaves none {side}. Bring more prompts, or change held_out or seed."
    )


def is_held_out(prompt: str, share: float, seed: int) -> bool:
    """Whether a prompt is kept from training: a matter of the prompt itself, not of its place,
    so that prompts that are added later move none of the others."""
    digest = hashlib.sha256(f"{seed}:{prompt}".encode()).digest()
    return int.from_bytes(digest[:8], "big") < share * 2**64


def read(folder: Path, name: str) -> list[str]:
    """The prompts of `train` or `held_out`."""
    return [json.loads(line) for line in (folder / f"{name}.txt").read_text().splitlines()]


def _all(settings: GrammarPrompts | FilePrompts) -> list[str]:
    if isinstance(settings, GrammarPrompts):
        return [
            request.replace("{topic}", topic)
            for topic in settings.topics
            for request in settings.requests
        ]
    lines = [line for line in Path(settings.path).read_text().splitlines() if line.strip()]
    if not settings.path.endswith(".jsonl"):
        return lines
    found = []
    for number, line in enumerate(lines, 1):
        try:
            found.append(str(json.loads(line)["prompt"]))
        except (ValueError, KeyError, TypeError):
            raise DescentError(
                f"{settings.path}:{number}: expected a JSON object with `prompt`"
            ) from None
    return found
