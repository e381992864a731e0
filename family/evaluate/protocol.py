"""How models are scored: the held-out text as a model reads it, and figures with intervals.

Needs NumPy and tokenizers alone, so that a checkpoint in PyTorch and a file in ONNX Runtime are
scored by the very same code.

A corpus artifact holds held_out.jsonl with a `context` (the rendered chat up to the answer) and
an `answer` (up to and with its end token) on each line. Every model reads both with its own
tokenizer: models of different vocabularies are compared in bits per byte of the answers.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

from family.stage import Metric, digest_json
from family.store import sha256

Floats = NDArray[np.float32]

#: Raise it when a figure's meaning changes, so that old and new figures are not compared.
VERSION = 1


@dataclass(frozen=True)
class Conversation:
    """A held-out conversation in one model's tokens."""

    ids: NDArray[np.int64]
    """All tokens, [T]."""
    start: int
    """Index of the answer's first token; positions start-1 to T-2 predict the answer."""
    ends: NDArray[np.int64]
    """For each answer token, how many bytes of the answer end with it, [T - start]."""

    @property
    def bytes(self) -> int:
        """UTF-8 bytes of the answer, its end token included."""
        return int(self.ends[-1])


def held_out(corpus: Path, model: Path, limit: int | None = None) -> list[Conversation]:
    """The held-out conversations as the model in `model` reads them."""
    tokenizer = Tokenizer.from_file(str(model / "tokenizer.json"))
    rows = (corpus / "held_out.jsonl").read_text().splitlines()[:limit]
    return [_read(tokenizer, **json.loads(row)) for row in rows]


def _read(tokenizer: Tokenizer, context: str, answer: str, **_: object) -> Conversation:
    before = tokenizer.encode(context, add_special_tokens=False).ids
    after = tokenizer.encode(answer, add_special_tokens=False)
    # Offsets count characters; a character that several tokens share ends with the last of them.
    widths = np.cumsum([0, *(len(character.encode()) for character in answer)])
    ends = widths[[end for _, end in after.offsets]]
    return Conversation(np.array(before + after.ids), len(before), ends)


def log_softmax(logits: Floats) -> Floats:
    """Log-probabilities over the last axis."""
    shifted = logits - logits.max(axis=-1, keepdims=True)
    odds: Floats = shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))
    return odds


def answer_nats(logits: Floats, conversation: Conversation) -> float:
    """-log p(answer | context), in nats. Logits [T - start, V]: those that predict the answer."""
    targets = conversation.ids[conversation.start :]
    return float(-log_softmax(logits)[np.arange(len(targets)), targets].sum())


def divergence(reference: Floats, logits: Floats) -> Floats:
    """KL(reference || model) of each position in nats, [N]; both logits [N, V]."""
    p, q = log_softmax(reference), log_softmax(logits)
    nats: Floats = (np.exp(p) * (p - q)).sum(axis=-1)
    return nats


@dataclass(frozen=True)
class Protocol:
    """What a figure was measured on and how; its digest says which figures are comparable."""

    corpus: Path
    resamples: int
    """Bootstrap resamples for the 95 % interval."""
    about: str
    """The stage's input that is measured."""

    def metric(
        self,
        name: str,
        sums: Sequence[float],
        counts: Sequence[float],
        unit: str,
        **details: str | int | float,
    ) -> Metric:
        """sum(sums) / sum(counts) over conversations, with a bootstrap interval over them.

        `details` are what else decides the figure (the reference's digest, say).
        """
        top, bottom = np.asarray(sums, float), np.asarray(counts, float)
        picks = np.random.default_rng(0).integers(0, len(top), (self.resamples, len(top)))
        sizes = bottom[picks].sum(axis=1)
        spread = top[picks].sum(axis=1)[sizes > 0] / sizes[sizes > 0]
        low, high = np.quantile(spread, [0.025, 0.975])
        return Metric(
            about=self.about,
            name=name,
            value=float(top.sum() / bottom.sum()),
            n=int(bottom.sum()),
            low=float(low),
            high=float(high),
            unit=unit,
            protocol=self.digest(name, **details),
        )

    def plain(self, name: str, value: float, n: int, unit: str, **details: Any) -> Metric:
        """A figure without an interval, measured n times."""
        return Metric(
            about=self.about,
            name=name,
            value=value,
            n=n,
            unit=unit,
            protocol=self.digest(name, **details),
        )

    def digest(self, name: str, **details: str | int | float) -> str:
        return digest_json(
            {
                "metric": name,
                "version": VERSION,
                "held_out": sha256(self.corpus / "held_out.jsonl"),
                **details,
            }
        )
