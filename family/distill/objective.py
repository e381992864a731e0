"""The distillation loss as the student's own forward pass.

DDP and FSDP act around `forward`: that is where weights are gathered and gradients shared out. A
loss that called the body alone would pass them by, so it stands in `forward` itself.
"""

from collections.abc import Sequence
from types import MethodType
from typing import Any

import torch
from torch import Tensor, nn

from family.corpus.blocks import NOTHING
from family.distill.hidden import HiddenMatch
from family.distill.loss import LiveOdds, Targets, distillation_loss
from family.distill.teacher import LiveTeacher
from family.spec import HiddenStates, Loss
from family.teacher.head import cap_of, with_bias
from family.teacher.open import head_of

#: The student's submodule that is there for training alone.
MATCHES = "hidden_matches"


def learn(
    student: Any, terms: Sequence[Loss], dtype: torch.dtype, teacher: LiveTeacher | None = None
) -> None:
    """Let `student(**batch)` be the loss of a batch, where it was logits.

    The loss is summed over targets, in nats, times `share`; logits are computed in `dtype`.
    `labels` int64 [B, T] hold what is to be said at a position, the next token; -100 where nothing
    is, and -1 where it is not known. A batch without a signal is put to the teacher. `forget` takes
    out what of this would be saved with the student.
    """
    of_odds = [term for term in terms if not isinstance(term, HiddenStates)]
    of_states = [term for term in terms if isinstance(term, HiddenStates)]
    if of_states:
        assert teacher
        matches = [HiddenMatch(term, student.config, teacher.model.config) for term in of_states]
        setattr(student, MATCHES, nn.ModuleList(matches))

    def forward(
        self: Any,
        input_ids: Tensor,
        position_ids: Tensor,
        labels: Tensor,
        ids: Tensor | None = None,
        logp: Tensor | LiveOdds | None = None,
        share: float | Tensor = 1.0,
    ) -> Tensor:
        wanted = labels != NOTHING
        lesson = None
        if teacher and logp is None:
            lesson = teacher(input_ids, position_ids, wanted, states=bool(of_states))
            logp = lesson.odds
        found = self.base_model(
            input_ids=input_ids,
            position_ids=position_ids,
            use_cache=False,
            output_hidden_states=bool(of_states),
        )
        targets = Targets(labels[wanted], ids, logp)
        rows = found.last_hidden_state[wanted]
        loss: Tensor = head_of(self)(rows, targets, share)
        if lesson and of_states:
            states = [layer[wanted] for layer in found.hidden_states]
            for match in getattr(self, MATCHES):
                loss = loss + share * match(states, lesson.states)
        return loss

    def loss(self: Any, rows: Tensor, targets: Targets, share: float | Tensor) -> Tensor:
        states, weight = with_bias(rows.to(dtype), self.weight, self.bias)
        return distillation_loss(states, weight, targets, of_odds, cap, share)

    cap = cap_of(student.config)
    student.forward = MethodType(forward, student)
    # The head's own forward, not just its weight: FSDP gathers it as the head is called.
    head = head_of(student)
    head.forward = MethodType(loss, head)


def forget(student: Any) -> None:
    """Leave the student what it was made of."""
    if hasattr(student, MATCHES):
        delattr(student, MATCHES)
