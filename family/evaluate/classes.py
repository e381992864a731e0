"""How classifiers are scored: held-out rows as a model reads them, and figures over the rows.

Needs NumPy and tokenizers alone, so that a checkpoint in PyTorch and a file in ONNX Runtime are
scored by the very same code.

A corpus artifact of a classification holds labels.json, the labels' names in the order of the
logits, and held_out.jsonl with a `text` and a `label` (its name; null where no one knows) on each
line. Every model reads the text with its own tokenizer and answers at the row's last token.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

from family.evaluate.protocol import Floats, Protocol, divergence
from family.stage import Metric

Ids = NDArray[np.int64]

#: The label of a row whose right answer is not known.
UNKNOWN = -1


@dataclass(frozen=True)
class Row:
    """A held-out row in one model's tokens."""

    ids: Ids
    """All tokens, [T]."""
    label: int
    """Index into the labels, or UNKNOWN."""


class Reader:
    """Text as the classifier in `model` reads it."""

    def __init__(self, model: Path) -> None:
        self._tokenizer = Tokenizer.from_file(str(model / "tokenizer.json"))
        self._tokenizer.no_padding()
        self._tokenizer.no_truncation()
        config = json.loads((model / "config.json").read_text())
        self._longest: int = config["max_position_embeddings"]

    def read(self, text: str) -> Ids:
        """Its tokens [T], special ones as the tokenizer adds them; what the model's context
        does not hold is cut at the end."""
        return np.array(self._tokenizer.encode(text).ids[: self._longest], np.int64)


def labels(corpus: Path) -> list[str]:
    """The labels' names, in the order of the logits."""
    names: list[str] = json.loads((corpus / "labels.json").read_text())
    return names


def held_out(corpus: Path, model: Path) -> list[Row]:
    """The held-out rows as the model in `model` reads them."""
    reader = Reader(model)
    index: dict[str | None, int] = {name: at for at, name in enumerate(labels(corpus))}
    index[None] = UNKNOWN
    rows = map(json.loads, (corpus / "held_out.jsonl").read_text().splitlines())
    return [Row(reader.read(row["text"]), index[row["label"]]) for row in rows]


def accuracy(protocol: Protocol, rows: Sequence[Row], logits: Floats) -> Iterator[Metric]:
    """Share of the rows with a known label that are labelled right; nothing if there are none.

    Logits [N, C], here and below."""
    if sum(known := _known(rows)):
        yield protocol.metric("accuracy", _right(rows, logits), known, "rows")


def accuracy_drop(
    protocol: Protocol, rows: Sequence[Row], logits: Floats, other: Floats, reference: str
) -> Iterator[Metric]:
    """By how much accuracy lies below the other model's, as a share of the rows with a known
    label; nothing if there are none. `reference`, here and below, is the other's digest."""
    if sum(known := _known(rows)):
        pairs = zip(_right(rows, other), _right(rows, logits), strict=True)
        lost = [before - after for before, after in pairs]
        yield protocol.metric("accuracy_drop", lost, known, "rows", reference=reference)


def likeness(protocol: Protocol, logits: Floats, other: Floats, reference: str) -> Iterator[Metric]:
    """How alike two models answer, right or wrong.

    agreement   share of the rows that both label alike
    kl          KL(other || model), mean nats per row"""
    ones = [1.0] * len(logits)
    agreed = np.equal(logits.argmax(-1), other.argmax(-1)).astype(float).tolist()
    kl = divergence(other, logits).tolist()
    yield protocol.metric("agreement", agreed, ones, "rows", reference=reference)
    yield protocol.metric("kl", kl, ones, "rows", reference=reference)


def retention(
    protocol: Protocol, rows: Sequence[Row], logits: Floats, other: Floats, reference: str
) -> Iterator[Metric]:
    """Accuracy over the other model's; nothing where that is never right."""
    if sum(theirs := _right(rows, other)):
        ours = _right(rows, logits)
        yield protocol.metric("retention", ours, theirs, "rows", reference=reference)


def _known(rows: Sequence[Row]) -> list[float]:
    return [float(row.label != UNKNOWN) for row in rows]


def _right(rows: Sequence[Row], logits: Floats) -> list[float]:
    """1 where the likeliest label is the row's, 0 elsewhere and where that is UNKNOWN."""
    right: list[float] = (
        np.equal(logits.argmax(-1), [row.label for row in rows]).astype(float).tolist()
    )
    return right
