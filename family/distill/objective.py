"""The distillation loss as the student's own forward pass.

DDP and FSDP act around `forward`: that is where weights are gathered and gradients shared out. A
loss that called the body alone would pass them by, so it stands in `forward` itself.
"""

from collections.abc import Sequence
from types import MethodType
from typing import Any

import torch
from torch import Tensor

from family.distill.loss import Targets, distillation_loss
from family.spec import Loss
from family.teacher.open import head_of


def learn(student: Any, terms: Sequence[Loss], dtype: torch.dtype) -> None:
    """Let `student(**batch)` be the loss of a batch, where it was logits.

    The loss is summed over targets, in nats; logits are computed in `dtype`. `labels` int64 [B, T]
    hold what is to be said at a position, the next token; -100 where nothing is, and -1 where it
    is not known. Nothing of this is saved with the student.
    """

    def forward(
        self: Any,
        input_ids: Tensor,
        position_ids: Tensor,
        labels: Tensor,
        ids: Tensor | None = None,
        logp: Tensor | None = None,
    ) -> Tensor:
        hidden = self.base_model(
            input_ids=input_ids, position_ids=position_ids, use_cache=False
        ).last_hidden_state
        wanted = labels != -100
        targets = Targets(labels[wanted], ids, logp)
        loss: Tensor = head_of(self)(hidden[wanted], targets)
        return loss

    def loss(self: Any, rows: Tensor, targets: Targets) -> Tensor:
        return distillation_loss(rows.to(dtype), self.weight.to(dtype), targets, terms)

    student.forward = MethodType(forward, student)
    # The head's own forward, not just its weight: FSDP gathers it as the head is called.
    head = head_of(student)
    head.forward = MethodType(loss, head)
