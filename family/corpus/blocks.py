"""Conversations and text packed into blocks of tokens: one shape, whatever their lengths."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from family.corpus.text import pieces
from family.errors import DescentError
from family.spec import Corpus
from family.stage import DatasetFacts, Outcome
from family.teacher.open import load_tokenizer

#: Stands in labels where nothing is to be said, as torch's cross-entropy has it.
NOTHING = -100


def corpus(inputs: Mapping[str, Path], settings: Corpus, out: Path) -> Outcome:
    """Pack what is to be trained on: tokens int32, keep bool, positions int32, all [N, T].

    `keep` marks the answers' tokens, the targets of training. `positions` restart with each
    conversation, by which attention keeps them apart. `used` int32 [N] counts what is no padding.
    The conversations come along as text, `context` and `answer`. A piece of a document is one too:
    its first word is the context.
    """
    tokenizer = load_tokenizer(inputs["flagship"])
    for name in ("train", "held_out"):
        with (out / f"{name}.jsonl").open("w") as file:
            for row in _conversations(inputs, tokenizer, name, settings.block):
                file.write(json.dumps(row) + "\n")
    rows = [json.loads(line) for line in (out / "train.jsonl").open()]
    conversations = [_tokens(tokenizer, row) for row in rows]
    fitting = [pair for pair in conversations if len(pair[0]) <= settings.block]
    if not any(keep.any() for _, keep in fitting):
        raise DescentError(
            f"corpus: none of {len(rows)} conversations has an answer and fits a block of "
            f"{settings.block} tokens. Raise corpus.block, or lower responses.max_tokens."
        )
    padding = tokenizer.pad_token_id if tokenizer.pad_token_id is not None else 0
    blocks = _pack(fitting, settings.block, padding)
    for name, array in vars(blocks).items():
        np.save(out / f"{name}.npy", array)
    return Outcome(
        dataset=DatasetFacts(
            kind="blocks",
            train=blocks.count,
            held_out=len((out / "held_out.jsonl").read_text().splitlines()),
            tokens=int(blocks.keep.sum()),
        ),
        facts={
            "conversations": len(fitting),
            "left_out": len(rows) - len(fitting),
            "tokens": int(blocks.used.sum()),
            "filled": round(float(blocks.used.sum()) / blocks.tokens.size, 4),
        },
    )


def _conversations(
    inputs: Mapping[str, Path], tokenizer: Any, name: str, block: int
) -> Iterator[dict[str, str]]:
    """The answers to prompts, then the documents in pieces."""
    if "responses" in inputs:
        yield from map(json.loads, (inputs["responses"] / f"{name}.jsonl").open())
    if "text" in inputs:
        for line in (inputs["text"] / f"{name}.jsonl").open():
            for context, answer in pieces(tokenizer, json.loads(line)["text"], block):
                yield {"context": context, "answer": answer}


def _tokens(tokenizer: Any, row: Mapping[str, str]) -> tuple[NDArray[np.int32], NDArray[np.bool_]]:
    context = tokenizer(row["context"], add_special_tokens=False)["input_ids"]
    answer = tokenizer(row["answer"], add_special_tokens=False)["input_ids"]
    keep = np.arange(len(context) + len(answer)) >= len(context)
    return np.array(context + answer, np.int32), keep


def _pack(
    conversations: list[tuple[NDArray[np.int32], NDArray[np.bool_]]], block: int, padding: int
) -> "Blocks":
    """Best fit, longest first: each goes where it leaves the least room."""
    bins: list[list[int]] = []
    room: list[int] = []
    order = sorted(range(len(conversations)), key=lambda i: (-len(conversations[i][0]), i))
    for i in order:
        length = len(conversations[i][0])
        fits = [b for b, left in enumerate(room) if left >= length]
        best = min(fits, key=lambda b: room[b], default=len(bins))
        if best == len(bins):
            bins.append([])
            room.append(block)
        bins[best].append(i)
        room[best] -= length

    shape = (len(bins), block)
    tokens = np.full(shape, padding, np.int32)
    keep = np.zeros(shape, np.bool_)
    positions = np.zeros(shape, np.int32)
    used = np.array([block - left for left in room], np.int32)
    for row, members in enumerate(bins):
        at = 0
        for i in members:
            ids, kept = conversations[i]
            part = slice(at, at + len(ids))
            tokens[row, part], keep[row, part] = ids, kept
            positions[row, part] = np.arange(len(ids))
            at += len(ids)
        positions[row, at:] = np.arange(block - at)  # padding: a conversation nobody asks about
    return Blocks(tokens, keep, positions, used)


@dataclass(frozen=True)
class Blocks:
    """A corpus' blocks in one model's tokens. Arrays [N, T] as in `corpus`."""

    tokens: NDArray[np.int32]
    keep: NDArray[np.bool_]
    positions: NDArray[np.int32]
    used: NDArray[np.int32]
    """Tokens of each block that are no padding, [N]."""

    @property
    def count(self) -> int:
        return len(self.tokens)

    @property
    def wanted(self) -> NDArray[np.bool_]:
        """Which positions are targets, [N, T]."""
        return _moved(self.keep)

    def labels(self, block: int) -> NDArray[np.int32]:
        """What is to be said at each position of a block, [T]; `NOTHING` where it is no target."""
        next_token = np.append(self.tokens[block, 1:], np.int32(NOTHING))
        labels: NDArray[np.int32] = np.where(_moved(self.keep[block]), next_token, NOTHING)
        return labels

    @property
    def tokens_per_block(self) -> float:
        """Tokens that are no padding, on average."""
        return float(self.used.mean())


def _moved(keep: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Which positions predict a kept token, [..., T]: keep moved one to the left."""
    moved = np.zeros_like(keep)
    moved[..., :-1] = keep[..., 1:]
    return moved


def read(corpus: Path, model: Path) -> Blocks:
    """The blocks as the model in `model` numbers its tokens."""
    tokens = np.load(corpus / "tokens.npy")
    others = (np.load(corpus / f"{name}.npy") for name in ("keep", "positions", "used"))
    return Blocks(own_ids(tokens, model), *others)


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
