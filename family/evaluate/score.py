"""A tier's scores on the held-out conversations, next to the flagship's."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from family.corpus.blocks import flagship_ids
from family.evaluate.protocol import Conversation, Protocol, answer_nats, divergence, held_out
from family.progress import report
from family.spec import Evaluate
from family.stage import Metric, Outcome
from family.store import sha256
from family.teacher.open import load

Logits = NDArray[np.float32]


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
    """Bits per byte, KL to the reference, top-1 agreement with it, and retention.

    Both models read the text in their own tokens. They are compared where both stand at the same
    byte of an answer: agreement counts every position of the reference, and one at which the
    model cannot stand is a miss; KL is over the tokens that both have (the reference's odds
    renormalised), in mean nats per shared position.
    """
    model, reference = load(inputs["model"]), load(inputs["reference"], torch.bfloat16)
    names = flagship_ids(inputs["model"])
    ours = held_out(inputs["corpus"], inputs["model"])
    theirs = held_out(inputs["corpus"], inputs["reference"])
    tally = Tally()
    pairs = zip(
        zip(ours, _logits(model, ours, settings.batch), strict=True),
        zip(theirs, _logits(reference, theirs, settings.batch), strict=True),
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


@torch.inference_mode()
def _logits(model: Any, conversations: Sequence[Conversation], size: int) -> Iterator[Logits]:
    """Logits float32 [T - start, V] that predict each conversation's answer, in order.

    All batches have one shape. Padding stands at the right, where causal attention never looks.
    """
    width = max(len(conversation.ids) for conversation in conversations)
    head = model.get_output_embeddings().weight.float()
    for start in range(0, len(conversations), size):
        batch = conversations[start : start + size]
        tokens = np.zeros((size, width), np.int64)
        for row, conversation in enumerate(batch):
            tokens[row, : len(conversation.ids)] = conversation.ids
        hidden = model.model(input_ids=torch.from_numpy(tokens), use_cache=False)
        for row, conversation in enumerate(batch):
            answer = slice(conversation.start - 1, len(conversation.ids) - 1)
            yield (hidden.last_hidden_state[row, answer].float() @ head.T).numpy()
