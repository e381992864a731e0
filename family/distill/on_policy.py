"""The student writes, and its teacher says what it would have said there.

On-policy distillation (GKD, Agarwal et al. 2024, arXiv 2306.13649): a student that is taught on the
corpus alone meets its own mistakes for the first time when it is used.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import linear
from transformers import DynamicCache

from family.corpus.blocks import NOTHING, UNKNOWN, Blocks
from family.errors import DescentError
from family.spec import OnPolicy
from family.teacher.head import cap_of, capped
from family.teacher.open import head_of

#: Where a text has no prompt before its answer, its beginning is one: so many tokens, or half.
BEGINNING = 16


class Writer:
    """Continues the corpus' prompts with a student, in blocks of the corpus' own shape.

    A block is cut into places, each with room for the longest prompt and continuation: whatever is
    written, every step has one shape. A prompt that leaves a block no room is passed over."""

    def __init__(self, asked: OnPolicy, corpus: Blocks, end: int | None) -> None:
        self.asked = asked
        self.end = -1 if end is None else end
        self.block = corpus.tokens.shape[1]
        found = list(prompts(corpus))
        room = self.block - asked.tokens
        self.prompts = [prompt for prompt in found if len(prompt) <= room]
        if not self.prompts:
            shortest = min(map(len, found))
            raise DescentError(
                f"distill.on_policy.tokens: {asked.tokens} do not fit a block of {self.block} "
                f"tokens after any prompt; the shortest has {shortest}. Use at most "
                f"{self.block - shortest}, or raise corpus.block."
            )
        self.place = max(map(len, self.prompts)) + asked.tokens

    @torch.no_grad()
    def write(self, student: Any, blocks: int, seed: list[int]) -> dict[str, Tensor]:
        """A batch [blocks, T] of prompts, drawn by the seed, with what the student writes after
        them; its labels are UNKNOWN where it wrote, since nothing there is right."""
        chance = np.random.default_rng(seed)
        places = self.block // self.place
        chosen = [self.prompts[i] for i in chance.integers(len(self.prompts), size=blocks * places)]
        written = self._continued(student, chosen, int(chance.integers(2**62)))

        tokens = torch.zeros(blocks, self.block, dtype=torch.long)
        labels = torch.full_like(tokens, NOTHING)
        positions = torch.arange(self.block) % self.place
        for number, (prompt, answer) in enumerate(zip(chosen, written, strict=True)):
            row, start = number // places, number % places * self.place
            both = [*prompt.tolist(), *answer]
            tokens[row, start : start + len(both)] = torch.tensor(both)
            # A position says the token after it.
            labels[row, start + len(prompt) - 1 : start + len(both) - 1] = UNKNOWN
        batch = {
            "input_ids": tokens,
            "position_ids": positions.repeat(blocks, 1),
            "labels": labels,
        }
        return {name: value.to(student.device) for name, value in batch.items()}

    def _continued(
        self, student: Any, chosen: list[NDArray[np.int32]], seed: int
    ) -> list[list[int]]:
        """What the student writes after each prompt, up to its end token."""
        device, count = student.device, len(chosen)
        chance = torch.Generator(device).manual_seed(seed)
        head, cap = head_of(student), cap_of(student.config)
        width = self.place - self.asked.tokens
        mask = torch.ones(count, self.place, dtype=torch.long, device=device)
        tokens = torch.zeros_like(mask)
        for row, prompt in enumerate(chosen):  # to the right, so that all end at one place
            mask[row, : width - len(prompt)] = 0
            tokens[row, width - len(prompt) : width] = torch.from_numpy(prompt)
        positions = (mask.cumsum(-1) - 1).clamp(min=0)
        cache, heard = DynamicCache(config=student.config), 0
        for at in range(width, self.place):
            hidden = student.base_model(
                input_ids=tokens[:, heard:at],
                attention_mask=mask[:, :at],
                position_ids=positions[:, heard:at],
                past_key_values=cache,
                use_cache=True,
            ).last_hidden_state[:, -1]
            # Not through the head itself, which says the loss while it is trained.
            logits = capped(linear(hidden, head.weight, head.bias).float(), cap)
            odds = (logits / self.asked.temperature).softmax(-1)
            tokens[:, at] = odds.multinomial(1, generator=chance)[:, 0]
            heard = at
        return [self._up_to_end(row) for row in tokens[:, width:].tolist()]

    def _up_to_end(self, row: list[int]) -> list[int]:
        return row[: row.index(self.end) + 1] if self.end in row else row


def prompts(corpus: Blocks) -> Iterator[NDArray[np.int32]]:
    """What stands before each sample's first target; of a text without a prompt its beginning."""
    for tokens, labels, positions, used in zip(
        corpus.tokens, corpus.labels, corpus.positions, corpus.used, strict=True
    ):
        starts = np.flatnonzero(positions[:used] == 0)
        for start, end in zip(starts, [*starts[1:], used], strict=True):
            targets = np.flatnonzero(labels[start:end] != NOTHING)
            if len(targets):
                length = max(targets[0] + 1, min(BEGINNING, (end - start) // 2))
                yield tokens[start : start + length]
