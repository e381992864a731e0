"""How an exported file answers, next to the PyTorch checkpoint that it came from."""

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import numpy as np

from export.checkpoint import Checkpoint
from export.runtime import Floats, Ids, Session
from family.evaluate.protocol import Conversation, answer_nats, divergence
from family.progress import report

#: The name of the checkpoint itself among what is scored.
CHECKPOINT = "model"


class Score(NamedTuple):
    """What a model said about one conversation's answer."""

    nats: float
    kl: float
    """To the checkpoint, in nats, summed over the answer's tokens."""
    agreed: int
    """Tokens at which it finds the checkpoint's token likeliest."""
    largest_error: float
    """Of a logit, over the whole conversation."""


def scores(
    pool: ThreadPoolExecutor,
    checkpoint: Checkpoint,
    sessions: Mapping[str, Session],
    conversations: Sequence[Conversation],
) -> dict[str, list[Score]]:
    """Scores of the checkpoint and of each session, a conversation to each of the pool's threads.

    A thread holds the logits of one conversation, never of all."""

    def read(conversation: Conversation) -> dict[str, Score]:
        reference = checkpoint.logits(conversation.ids)
        found = {CHECKPOINT: _score(conversation, reference, reference)}
        for name, session in sessions.items():
            found[name] = _score(conversation, reference, session.logits(conversation.ids))
        return found

    every: dict[str, list[Score]] = {name: [] for name in (CHECKPOINT, *sessions)}
    for done, found in enumerate(pool.map(read, conversations), start=1):
        report(done, len(conversations), "conversations")
        for name, score in found.items():
            every[name].append(score)
    return every


def _score(conversation: Conversation, reference: Floats, logits: Floats) -> Score:
    """Both logits float32 [T, V]."""
    answer = slice(conversation.start - 1, -1)
    ours, theirs = logits[answer], reference[answer]
    return Score(
        nats=answer_nats(ours, conversation),
        kl=float(divergence(theirs, ours).sum()),
        agreed=int((ours.argmax(-1) == theirs.argmax(-1)).sum()),
        largest_error=float(np.abs(logits - reference).max()),
    )


def greedy_matches(
    pool: ThreadPoolExecutor,
    checkpoint: Checkpoint,
    session: Session,
    prompts: Sequence[Ids],
    count: int,
) -> list[int]:
    """For each prompt, how many of the first `count` greedy tokens are PyTorch's too.

    PyTorch reads the session's tokens at once: up to the first that it would not have taken
    itself, they are its own greedy tokens."""

    def matches(prompt: Ids) -> int:
        found = session.greedy(prompt, count)
        logits = checkpoint.logits(np.concatenate([prompt, found]))
        same = logits[len(prompt) - 1 : -1].argmax(-1) == found
        return int(same.cumprod().sum())

    return list(pool.map(matches, prompts))
