"""A teacher that runs beside the student, where no stored signal can stand in for it."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from family.corpus import blocks
from family.distill.loss import LiveOdds
from family.errors import DescentError
from family.signal.source import refuse_other_tokens
from family.teacher.attention import quicken
from family.teacher.head import cap_of, with_bias
from family.teacher.open import classifies, head_of, load, read_config


@dataclass(frozen=True)
class Lesson:
    """What a teacher says about a batch."""

    odds: LiveOdds
    states: tuple[Tensor, ...]
    """Its hidden states at the targets, [M, E] each: its embeddings', then each layer's; or none,
    if they were not asked for."""


class LiveTeacher:
    """A teacher in bfloat16, which hears the student's tokens and answers about them alone."""

    def __init__(self, folder: Path, student: Path) -> None:
        refuse_other_tokens(folder, student)
        self.model: Any = load(folder, torch.bfloat16)
        quicken(self.model)
        self.numbers = _numbers(folder, student)
        self.head, self.bias = self._head()

    def _head(self) -> tuple[Tensor, Tensor | None]:
        head = head_of(self.model)
        weight, bias = head.weight.detach(), head.bias
        if self.numbers is None or classifies(self.model.config):
            return weight, bias
        return weight[self.numbers], None if bias is None else bias[self.numbers]

    def to(self, device: torch.device) -> None:
        self.model.to(device)
        self.numbers = None if self.numbers is None else self.numbers.to(device)
        self.head, self.bias = self._head()

    @torch.inference_mode()
    def __call__(
        self, input_ids: Tensor, position_ids: Tensor, wanted: Tensor, *, states: bool
    ) -> Lesson:
        """What it says at the targets of a batch; all [B, T], `wanted` bool."""
        # It is all bfloat16 already: the student's autocast would move its norms to float32.
        with torch.autocast(input_ids.device.type, enabled=False):
            found = self.model.base_model(
                input_ids=input_ids if self.numbers is None else self.numbers[input_ids],
                position_ids=position_ids,
                use_cache=False,
                output_hidden_states=states,
            )
        layers = tuple(layer[wanted] for layer in found.hidden_states) if states else ()
        last, head = with_bias(found.last_hidden_state[wanted], self.head, self.bias)
        return Lesson(LiveOdds(last, head, cap_of(self.model.config)), layers)


def _numbers(teacher: Path, student: Path) -> Tensor | None:
    """The teacher's id of each of the student's tokens, int64 [V]; None if they are the same."""
    kept, had = blocks.flagship_ids(student), blocks.flagship_ids(teacher)
    if kept is had or (kept is not None and had is not None and np.array_equal(kept, had)):
        return None
    if kept is None:
        kept = np.arange(read_config(student).vocab_size, dtype=np.int32)
    own = blocks.own_numbers(teacher, int(kept.max()))
    numbers = kept if own is None else own[kept]
    if lacking := int((numbers < 0).sum()):
        raise DescentError(
            f"the teacher's trimmed vocabulary lacks {lacking} of the student's tokens, so it "
            "cannot run beside it. Start the student from a model of the same vocabulary, or use "
            "`signal: stored`."
        )
    return torch.from_numpy(numbers).long()
