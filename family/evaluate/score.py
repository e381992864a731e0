"""A tier's scores on the held-out conversations, next to the flagship's."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from family.corpus.blocks import flagship_ids
from family.corpus.rows import LABELS
from family.evaluate import classes
from family.evaluate.protocol import Conversation, Protocol, answer_nats, divergence, held_out
from family.progress import report
from family.spec import Evaluate
from family.stage import Metric, Outcome
from family.store import sha256
from family.teacher.head import Head
from family.teacher.open import load

#: Rows are padded to multiples of this: each shape costs a compile.
WIDTH = 16

Logits = NDArray[np.float32]
Ids = NDArray[np.int64]


@dataclass
class Tally:
    """Sums for each conversation."""

    bytes: list[int] = field(default_factory=list)
    nats: list[float] = field(default_factory=list)
    reference_nats: list[float] = field(default_factory=list)
    positions: list[int] = field(default_factory=list)
    agreed: list[int] = field(default_factory=list)
    compared: list[int] = field(default_factory=list)
    kl: list[float] = field(default_factory=list)


def evaluate(inputs: Mapping[str, Path], settings: Evaluate, out: Path) -> Outcome:
    """Bits per byte, KL to the reference, top-1 agreement with it, and retention; of classifiers
    accuracy instead of bits.

    Both models read the text in their own tokens. They are compared where both stand at the same
    byte of an answer: agreement counts every position of the reference, and one at which the
    model cannot stand is a miss; KL is over the tokens that both have (the reference's odds
    renormalised), in mean nats per shared position.
    """
    if (inputs["corpus"] / LABELS).exists():
        return _of_classes(inputs, settings)
    model, reference = load(inputs["model"]), load(inputs["reference"], torch.bfloat16)
    names = flagship_ids(inputs["model"])
    ours = held_out(inputs["corpus"], inputs["model"])
    theirs = held_out(inputs["corpus"], inputs["reference"])
    tally = Tally()
    pairs = zip(
        zip(ours, _logits(model, _answers(ours), settings.batch), strict=True),
        zip(theirs, _logits(reference, _answers(theirs), settings.batch), strict=True),
        strict=True,
    )
    for done, ((mine, my_logits), (other, other_logits)) in enumerate(pairs):
        report(done, len(ours), "conversations")
        _compare(tally, mine, my_logits, other, other_logits, names)
    report(len(ours), len(ours), "conversations")
    return Outcome(metrics=_metrics(tally, inputs, settings.resamples))


def _compare(
    tally: Tally,
    mine: Conversation,
    my_logits: Logits,
    other: Conversation,
    other_logits: Logits,
    names: NDArray[np.int32] | None,
) -> None:
    tally.bytes.append(mine.bytes)
    tally.nats.append(answer_nats(my_logits, mine))
    tally.reference_nats.append(answer_nats(other_logits, other))
    _, at, other_at = np.intersect1d(_begins(mine), _begins(other), return_indices=True)
    a, b = my_logits[at], other_logits[other_at]
    top = a.argmax(-1)
    tally.positions.append(len(other_logits))
    tally.agreed.append(int(((top if names is None else names[top]) == b.argmax(-1)).sum()))
    tally.compared.append(len(at))
    tally.kl.append(float(divergence(b if names is None else b[:, names], a).sum()))


def _begins(conversation: Conversation) -> NDArray[np.int64]:
    """The byte of the answer at which each of its tokens begins, [T - start]."""
    return np.concatenate([[0], conversation.ends[:-1]])


def _metrics(tally: Tally, inputs: Mapping[str, Path], resamples: int) -> tuple[Metric, ...]:
    reference = sha256(inputs["reference"] / "model.safetensors")
    protocol = Protocol(inputs["corpus"], resamples, "model")
    bits = [nats / np.log(2) for nats in tally.nats]
    reference_bits = [nats / np.log(2) for nats in tally.reference_nats]
    return (
        protocol.metric("bits_per_byte", bits, tally.bytes, "bytes"),
        protocol.metric("kl", tally.kl, tally.compared, "tokens", reference=reference),
        protocol.metric("agreement", tally.agreed, tally.positions, "tokens", reference=reference),
        protocol.metric("retention", reference_bits, bits, "bits", reference=reference),
        Protocol(inputs["corpus"], resamples, "reference").metric(
            "bits_per_byte", reference_bits, tally.bytes, "bytes"
        ),
    )


def _of_classes(inputs: Mapping[str, Path], settings: Evaluate) -> Outcome:
    """Accuracy, and how close a classifier comes to the reference: agreement, KL and retention."""
    corpus, logits = inputs["corpus"], {}
    for name, dtype in (("model", torch.float32), ("reference", torch.bfloat16)):
        rows = classes.held_out(corpus, inputs[name])
        logits[name] = _last_logits(load(inputs[name], dtype), rows, settings.batch)
    reference = sha256(inputs["reference"] / "model.safetensors")
    protocol = Protocol(corpus, settings.resamples, "model")
    of_reference = Protocol(corpus, settings.resamples, "reference")
    ours, theirs = logits["model"], logits["reference"]
    return Outcome(
        metrics=(
            *classes.accuracy(protocol, rows, ours),
            *classes.likeness(protocol, ours, theirs, reference),
            *classes.retention(protocol, rows, ours, theirs, reference),
            *classes.accuracy(of_reference, rows, theirs),
        )
    )


def _last_logits(model: Any, rows: Sequence[classes.Row], size: int) -> Logits:
    """Logits float32 [N, C] at each row's last token. Rows of like length go together: beside the
    longest one, most of a row would be padding."""
    widths = [-(-len(row.ids) // WIDTH) for row in rows]
    order = sorted(range(len(rows)), key=widths.__getitem__)
    found: dict[int, Logits] = {}
    for _, group in groupby(order, key=widths.__getitem__):
        numbers = list(group)
        last = [(rows[n].ids, slice(len(rows[n].ids) - 1, None)) for n in numbers]
        for number, logits in zip(numbers, _logits(model, last, size), strict=True):
            found[number] = logits
            report(len(found), len(rows), "rows")
    return np.concatenate([found[number] for number in range(len(rows))])


def _answers(conversations: Sequence[Conversation]) -> list[tuple[Ids, slice]]:
    return [(one.ids, slice(one.start - 1, len(one.ids) - 1)) for one in conversations]


@torch.inference_mode()
def _logits(model: Any, texts: Sequence[tuple[Ids, slice]], size: int) -> Iterator[Logits]:
    """Logits float32 [T', V] of each text's tokens at the positions that are asked for, in order.

    All batches have one shape. Padding stands at the right, where causal attention never looks."""
    width = max(len(ids) for ids, _ in texts)
    head = Head.of(model)
    for start in range(0, len(texts), size):
        batch = texts[start : start + size]
        tokens = np.zeros((size, width), np.int64)
        for row, (ids, _) in enumerate(batch):
            tokens[row, : len(ids)] = ids
        hidden = model.base_model(input_ids=torch.from_numpy(tokens), use_cache=False)
        for row, (ids, at) in enumerate(batch):
            states = hidden.last_hidden_state[row, : len(ids)][at]
            yield head(states.float()).numpy()
