"""What good answers to held-out prompts say, where the user's file has it."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path

from family.corpus.split import is_held_out
from family.errors import DescentError
from family.spec import FilePrompts
from family.stage import Outcome


def references(inputs: Mapping[str, Path], settings: FilePrompts, out: Path) -> Outcome:
    """Write references.jsonl, with `prompt` and `reference` on each line."""
    found = list(held_out(settings))
    rows = ({"prompt": prompt, "reference": reference} for prompt, reference in found)
    (out / "references.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return Outcome(facts={"references": len(found)})


def held_out(settings: FilePrompts) -> Iterator[tuple[str, str]]:
    """Every held-out prompt with its reference, each once; DescentError if there is none."""
    path, found = Path(settings.path), {}
    if path.suffix == ".jsonl":
        lines = filter(str.strip, path.read_text(encoding="utf-8").splitlines())
        rows = [row for line in lines if "reference" in (row := json.loads(line))]
        found = {str(row["prompt"]): str(row["reference"]) for row in rows}
    kept = {one: found[one] for one in found if is_held_out(one, settings.held_out, settings.seed)}
    if not kept:
        raise DescentError(
            f"{path}: no held-out prompt has a `reference`. ROUGE asks for JSONL rows with "
            "`prompt` and `reference`; bring more of them, or leave out `evaluate.rouge`."
        )
    yield from kept.items()


def read(folder: Path) -> list[tuple[str, str]]:
    """Prompts and references of an artifact."""
    rows = map(json.loads, (folder / "references.jsonl").read_text().splitlines())
    return [(row["prompt"], row["reference"]) for row in rows]
