"""What everyone trains on: one flagship, one corpus in blocks, and students cut from the flagship.

The text is the topics of Python's own help, which every Python brings. It is cut so that a block is
one piece of text from its first token on: trainers that know nothing of packed blocks read just
what ours reads.
"""

import json
import sys
from collections.abc import Container, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from pydoc_data.topics import topics
from typing import Any, NamedTuple

import yaml

from family.corpus.text import pieces
from family.leaves import leaves
from family.load import load
from family.plan import steps
from family.run import make
from family.store import Manifest, Store
from family.teacher.open import load_tokenizer
from flows.stages import STAGES

QUICKSTART = Path(__file__).parents[2] / "configs/quickstart.yaml"
#: Tokens of a block, and blocks of a step.
BLOCK, BATCH = 256, 4
#: Fewest tokens of a document: each fills a block of its own all but for a few.
FILLED = 240
#: Layers of the student that most is measured on, and of a family's three tiers.
LAYERS, TIERS = 12, (16, 8, 4)
#: A vocabulary trimmed to what the corpus needs, and half of the flagship's.
TRIMMED, HALF = 8192, 24576


@dataclass(frozen=True)
class Base:
    """Folders."""

    flagship: Path
    corpus: Path
    signal: Path
    captures: tuple["Capture", "Capture"]
    """Of this corpus' signal, and of that of all topics."""
    students: Mapping[tuple[int, int | None], Path]
    """By their layers and the size of their vocabulary, None for the flagship's."""

    def capturing(self, tokens: int) -> float:
        """Seconds of a capture, start and all: on the line through the two that were timed."""
        some, more = self.captures
        pace = (more.seconds - some.seconds) / (more.tokens - some.tokens)
        return some.seconds + pace * (tokens - some.tokens)


class Capture(NamedTuple):
    """A signal's capture."""

    tokens: int
    seconds: float


def base(folder: Path, documents: int, flagship: Path | None) -> Base:
    """Build it, or find it built, in a store of its own below `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    store = Store(folder / "store")
    quickstart = yaml.safe_load(QUICKSTART.read_text())
    source = quickstart["flagship"]
    if flagship:
        source = {**source, "source": {"kind": "folder", "path": str(flagship.absolute())}}
    opened = build(store, folder, {**quickstart, "flagship": source}, {"flagship"})["/flagship"]
    rows = [json.dumps({"text": row}) + "\n" for row in filled(opened.path)]
    some, every = folder / "topics.jsonl", folder / "all-topics.jsonl"
    some.write_text("".join(rows[:documents]))
    every.write_text("".join(rows))
    names = {"flagship", "text", "corpus", "signal", "vocabulary", "start"}
    made = {}
    for vocabulary in (None, TRIMMED, HALF):
        wanted = family(some, vocabulary, source)
        for id, one in build(store, folder, wanted, names).items():
            made[id, vocabulary] = one
    names -= {"vocabulary", "start"}
    whole = build(store, folder, {**family(every, None, source), "family": "speed-all"}, names)
    return Base(
        flagship=opened.path,
        corpus=made["/corpus", None].path,
        signal=made["/signal", None].path,
        captures=(made["/signal", None].capture, whole["/signal"].capture),
        students={
            (int(id.removeprefix("of").removesuffix("/start")), vocabulary): one.path
            for (id, vocabulary), one in made.items()
            if id.endswith("/start")
        },
    )


@dataclass(frozen=True)
class Built:
    """A step's artifact, and how it came to be."""

    path: Path
    manifest: Manifest

    @property
    def capture(self) -> Capture:
        return Capture(int(self.manifest.outcome.facts["tokens"]), self.manifest.origin.seconds)


def build(
    store: Store, folder: Path, wanted: Mapping[str, Any], names: Container[str]
) -> dict[str, Built]:
    """The steps of a family that have these names."""
    path = folder / f"{wanted['family']}.yaml"
    path.write_text(yaml.safe_dump(dict(wanted), sort_keys=False))
    spec = load(path)
    found = {}
    with store.lock(spec.family):
        for step in steps(spec, leaves(spec, None), STAGES):
            if step.name in names:
                print(f"{step.title} ...", file=sys.stderr, flush=True)
                stage = STAGES[step.recipe.stage]
                manifest = make(step, spec.family, stage, store, recorded=False).manifest
                found[step.id] = Built(store.fetch(step.recipe.key), manifest)
    return found


def filled(flagship: Path) -> Iterator[str]:
    """Pieces of the topics that fill a block."""
    tokenizer = load_tokenizer(flagship)
    for _, topic in sorted(topics.items()):
        for first, rest in pieces(tokenizer, topic, BLOCK):
            if len(tokenizer(first + rest)["input_ids"]) >= FILLED:
                yield first + rest


def family(text: Path, vocabulary: int | None, flagship: Mapping[str, Any]) -> dict[str, Any]:
    """A family file whose tiers stand for the students."""
    layers = (LAYERS,) if vocabulary == HALF else (LAYERS, *TIERS)
    trimmed = {"kind": "trimmed", "multiple": vocabulary, "expected": 1e9}
    return {
        "family": f"speed-{vocabulary or 'full'}",
        "flagship": dict(flagship),
        "text": {"path": str(text.absolute()), "held_out": 0.1, "licence": "own"},
        "corpus": {"block": BLOCK},
        "vocabulary": trimmed if vocabulary else {"kind": "full"},
        "tiers": {
            f"of{count}": {"start": {"kind": "prune", "shape": {"layers": count}}, "export": []}
            for count in layers
        },
    }
