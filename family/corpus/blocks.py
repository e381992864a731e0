"""Conversations, text and rows packed into blocks of tokens: one shape, whatever their lengths."""

import json
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from family.corpus.rows import LABELS
from family.corpus.text import pieces
from family.errors import DescentError
from family.spec import Corpus
from family.stage import DatasetFacts, Outcome
from family.teacher.open import load_tokenizer

#: Stands in labels where nothing is to be said, as torch's cross-entropy has it; and where what is
#: right is not known.
NOTHING, UNKNOWN = -100, -1
SIDES = ("train", "held_out")


def corpus(inputs: Mapping[str, Path], settings: Corpus, out: Path) -> Outcome:
    """Pack what is to be trained on: tokens, labels and positions, int32 [N, T].

    `labels` hold what is to be said at a position, and NOTHING where that is nothing: the token
    after it, where an answer has it; or, at the last token of a row, the row's class. `positions`
    restart with each sample, by which attention keeps them apart. `used` int32 [N] counts what is
    no padding. The samples come along as text, `context` and `answer` or `text` and `label`. A
    piece of a document is a conversation too: its first word is the context.
    """
    tokenizer = load_tokenizer(inputs["flagship"])
    for name in SIDES:
        with (out / f"{name}.jsonl").open("w") as file:
            for row in _samples(inputs, tokenizer, name, settings.block):
                file.write(json.dumps(row) + "\n")
    classes = None
    if "rows" in inputs:
        shutil.copyfile(inputs["rows"] / LABELS, out / LABELS)
        classes = json.loads((out / LABELS).read_text())
    rows = [json.loads(line) for line in (out / "train.jsonl").open()]
    samples = [
        _row(tokenizer, row, classes) if classes else _answer(tokenizer, row) for row in rows
    ]
    fitting = [one for one in samples if len(one.tokens) <= settings.block]
    if not any((one.labels != NOTHING).any() for one in fitting):
        raise DescentError(
            f"corpus: of {len(rows)} samples to train on none has anything to learn and fits a "
            f"block of {settings.block} tokens. Raise corpus.block, or lower responses.max_tokens."
        )
    padding = tokenizer.pad_token_id if tokenizer.pad_token_id is not None else 0
    blocks = _pack(fitting, settings.block, padding)
    for name in ARRAYS:
        np.save(out / f"{name}.npy", getattr(blocks, name))
    return Outcome(
        dataset=DatasetFacts(
            kind="blocks",
            train=blocks.count,
            held_out=len((out / "held_out.jsonl").read_text().splitlines()),
            tokens=int(blocks.wanted.sum()),
        ),
        facts={
            "samples": len(fitting),
            "left_out": len(rows) - len(fitting),
            "tokens": int(blocks.used.sum()),
            "filled": round(float(blocks.used.sum()) / blocks.tokens.size, 4),
        },
    )


def _samples(
    inputs: Mapping[str, Path], tokenizer: Any, side: str, block: int
) -> Iterator[dict[str, str]]:
    """Rows or answers to prompts as they are, then the documents in pieces."""
    for name in ("rows", "responses"):
        if name in inputs:
            yield from map(json.loads, (inputs[name] / f"{side}.jsonl").open())
    if "text" in inputs:
        for line in (inputs["text"] / f"{side}.jsonl").open():
            for context, answer in pieces(tokenizer, json.loads(line)["text"], block):
                yield {"context": context, "answer": answer}


class _Sample(NamedTuple):
    tokens: NDArray[np.int32]
    labels: NDArray[np.int32]


def _answer(tokenizer: Any, row: Mapping[str, str]) -> _Sample:
    context = tokenizer(row["context"], add_special_tokens=False)["input_ids"]
    answer = tokenizer(row["answer"], add_special_tokens=False)["input_ids"]
    tokens = np.array(context + answer, np.int32)
    labels = np.full_like(tokens, NOTHING)
    # A position predicts the token after it: mask and labels move by one, together.
    first = max(len(context), 1)
    labels[first - 1 : -1] = tokens[first:]
    return _Sample(tokens, labels)


def _row(tokenizer: Any, row: Mapping[str, str | None], classes: Sequence[str]) -> _Sample:
    tokens = np.array(tokenizer(row["text"])["input_ids"], np.int32)
    labels = np.full_like(tokens, NOTHING)
    labels[-1] = UNKNOWN if row["label"] is None else classes.index(row["label"])
    return _Sample(tokens, labels)


def _pack(samples: list[_Sample], block: int, padding: int) -> "Blocks":
    """Best fit, longest first: each goes where it leaves the least room."""
    bins: list[list[int]] = []
    room: list[int] = []
    order = sorted(range(len(samples)), key=lambda i: (-len(samples[i].tokens), i))
    for i in order:
        length = len(samples[i].tokens)
        fits = [b for b, left in enumerate(room) if left >= length]
        best = min(fits, key=lambda b: room[b], default=len(bins))
        if best == len(bins):
            bins.append([])
            room.append(block)
        bins[best].append(i)
        room[best] -= length

    shape = (len(bins), block)
    tokens = np.full(shape, padding, np.int32)
    labels = np.full(shape, NOTHING, np.int32)
    positions = np.zeros(shape, np.int32)
    used = np.array([block - left for left in room], np.int32)
    for row, members in enumerate(bins):
        at = 0
        for sample in (samples[i] for i in members):
            part = slice(at, at + len(sample.tokens))
            tokens[row, part], labels[row, part] = sample
            positions[row, part] = np.arange(len(sample.tokens))
            at += len(sample.tokens)
        positions[row, at:] = np.arange(block - at)  # padding: a sample nobody asks about
    return Blocks(tokens, labels, positions, used)


@dataclass(frozen=True)
class Blocks:
    """A corpus' blocks in one model's tokens. Arrays [N, T] as in `corpus`."""

    tokens: NDArray[np.int32]
    labels: NDArray[np.int32]
    positions: NDArray[np.int32]
    used: NDArray[np.int32]
    """Tokens of each block that are no padding, [N]."""
    classes: bool = False
    """Whether labels are classes, which every model numbers alike, rather than tokens."""

    @property
    def count(self) -> int:
        return len(self.tokens)

    @property
    def wanted(self) -> NDArray[np.bool_]:
        """Which positions are targets, [N, T]."""
        wanted: NDArray[np.bool_] = self.labels != NOTHING
        return wanted

    @property
    def tokens_per_block(self) -> float:
        """Tokens that are no padding, on average."""
        return float(self.used.mean())


#: What a corpus is stored as.
ARRAYS = ("tokens", "labels", "positions", "used")


def read(corpus: Path, model: Path) -> Blocks:
    """The blocks as the model in `model` numbers its tokens."""
    tokens, labels, positions, used = (np.load(corpus / f"{name}.npy") for name in ARRAYS)
    classes = (corpus / LABELS).exists()
    if not classes:
        said = labels >= 0
        labels[said] = own_ids(labels[said], model)
    return Blocks(own_ids(tokens, model), labels, positions, used, classes)


def answers_named(corpus: Blocks, model: Path) -> NDArray[np.int32] | None:
    """The flagship's number of each thing that a model can say, [V]; None if they are its own."""
    return None if corpus.classes else flagship_ids(model)


def flagship_ids(model: Path) -> NDArray[np.int32] | None:
    """The flagship's id of each of the model's own ids, [V]; None if it has them all."""
    path = model / "vocabulary.npy"
    return np.load(path) if path.exists() else None


def own_numbers(model: Path, largest: int) -> NDArray[np.int32] | None:
    """The model's own id of each flagship id up to `largest` at least, -1 where it lacks one; None
    if it has them all."""
    kept = flagship_ids(model)
    if kept is None:
        return None
    numbers = np.full(max(int(kept.max()), largest) + 1, -1, np.int32)
    numbers[kept] = np.arange(len(kept), dtype=np.int32)
    return numbers


def own_ids(tokens: NDArray[np.int32], model: Path) -> NDArray[np.int32]:
    """Flagship ids in the model's own numbering; refuses a token that the model lacks."""
    numbers = own_numbers(model, int(tokens.max()))
    if numbers is None:
        return tokens
    own = numbers[tokens]
    if (own < 0).any():
        raise DescentError(
            f"the model's trimmed vocabulary lacks {len(np.unique(tokens[own < 0]))} tokens of "
            f"the corpus: it was trimmed to another one. Start the tier from a model of this "
            f"family, or use `vocabulary: {{kind: full}}`."
        )
    return own
