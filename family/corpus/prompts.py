"""The prompts of a family, and which of them are held out."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path

from family.errors import DescentError
from family.spec import FilePrompts, GrammarPrompts
from family.stage import Outcome


def prompts(
    inputs: Mapping[str, Path], settings: GrammarPrompts | FilePrompts, out: Path
) -> Outcome:
    """Write train.txt and held_out.txt, one JSON string a line, without repeats."""
    written = list(dict.fromkeys(_all(settings)))
    held = [prompt for prompt in written if is_held_out(prompt, settings.held_out, settings.seed)]
    train = [prompt for prompt in written if prompt not in set(held)]
    if not train or not held:
        empty = "training" if not train else "held-out"
        raise DescentError(
            f"prompts: {len(written)} prompts leave none for {empty} with held_out "
            f"{settings.held_out}. Bring more prompts, or change held_out or seed."
        )
    for name, rows in (("train", train), ("held_out", held)):
        (out / f"{name}.txt").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return Outcome(facts={"train_prompts": len(train), "held_out_prompts": len(held)})


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
