"""The distillation loss and its gradient, in one pass over chunks of rows.

A row is one target: a position whose next token is to be learned. Logits exist for one chunk of
rows at a time, so that no [batch, time, vocabulary] tensor is ever held, and the gradients with
respect to hidden states and head are written in the same pass.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import pad

#: Rows of logits held at once. Every chunk has this one shape: a new one costs a compile.
ROWS = 256


@dataclass(frozen=True)
class Targets:
    """What is to be learned at each of M rows."""

    next_token: Tensor
    """The corpus' own next token, int64 [M]."""
    ids: Tensor
    """The teacher's likeliest tokens in the student's numbering, int64 [M, k]; -1 for a token
    that the student lacks: its probability counts with the tail's."""
    logp: Tensor
    """Their natural log-probabilities, float32 [M, k]."""


def distillation_loss(
    hidden: Tensor, head: Tensor, targets: Targets, weights: Mapping[str, float]
) -> Tensor:
    """Weighted sum of the terms, summed over rows, in nats; 0 if there is no row.

    hidden [M, D] and head [V, D], in the dtype in which logits are to be computed. Terms:
    - forward_kl: KL(teacher || student) over the k listed tokens and, as one more outcome, the
      tail of all others (as DistillKit and Peng et al. 2024 do): >= 0, and 0 if they agree.
    - cross_entropy: -log p(next token).
    """
    loss: Tensor = _Fused.apply(  # type: ignore[no-untyped-call]
        hidden,
        head,
        targets,
        weights.get("forward_kl", 0.0),
        weights.get("cross_entropy", 0.0),
    )
    return loss


class _Fused(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, hidden: Tensor, head: Tensor, targets: Targets, kl: float, ce: float
    ) -> Tensor:
        count = len(hidden)
        exact = torch.promote_types(head.dtype, torch.float32)
        total = torch.zeros((), dtype=exact, device=head.device)
        grad_hidden = torch.empty_like(hidden)
        grad_head = torch.zeros_like(head, dtype=exact)
        for start in range(0, count, ROWS):
            part = slice(start, min(start + ROWS, count))
            short = ROWS - (part.stop - part.start)
            rows = pad(hidden[part], (0, 0, 0, short))
            logits = (rows @ head.T).to(exact)
            loss, grad = _rows(
                logits,
                pad(targets.next_token[part], (0, short)),
                pad(targets.ids[part], (0, 0, 0, short), value=-1),
                pad(targets.logp[part], (0, 0, 0, short), value=-torch.inf),
                kl,
                ce,
            )
            real = ROWS - short
            grad[real:] = 0
            total += loss[:real].sum()
            grad = grad.to(head.dtype)
            grad_hidden[part] = (grad @ head)[:real]
            grad_head += grad.T @ rows
        ctx.save_for_backward(grad_hidden, grad_head.to(head.dtype))
        return total

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, Tensor, None, None, None]:
        grad_hidden, grad_head = ctx.saved_tensors
        (scale,) = grads
        return grad_hidden * scale, grad_head * scale, None, None, None


def _rows(
    logits: Tensor, next_token: Tensor, ids: Tensor, logp: Tensor, kl: float, ce: float
) -> tuple[Tensor, Tensor]:
    """Loss [N] and its gradient [N, V] with respect to logits [N, V], which are overwritten.

    With p the teacher's and q the student's odds, and t for the tail,
      loss = sum_k p_k log(p_k / q_k) + p_t log(p_t / q_t)
      d loss / d z_j = q_j - p_j                 for a listed j,
                       q_j (1 - p_t / q_t)       for a j of the tail.
    """
    lse = logits.logsumexp(-1, keepdim=True)
    probabilities = logits.sub_(lse)  # log-probabilities for now
    loss = logits.new_zeros(len(logits))
    listed = ids >= 0
    index = ids.clamp(min=0)

    if kl:
        p = logp.exp() * listed
        log_q = probabilities.gather(-1, index)
        q = log_q.exp() * listed
        p_tail = (1 - p.sum(-1)).clamp(min=0)
        q_tail = (1 - q.sum(-1)).clamp(min=TINY)
        known = torch.where(p > 0, p * (logp - log_q), 0.0).sum(-1)
        tail = torch.where(p_tail > 0, p_tail * (p_tail.clamp(min=TINY) / q_tail).log(), 0.0)
        loss += kl * (known + tail)
    if ce:
        loss -= ce * probabilities.gather(-1, next_token[:, None]).squeeze(-1)

    gradient = probabilities.exp_()
    if kl:
        factor = kl * (1 - p_tail / q_tail) + ce
        gradient.mul_(factor[:, None])
        # For the listed ones the tail's factor is taken back; an absent one adds nothing.
        exact = kl * (q - p) - (factor - ce)[:, None] * q
        gradient.scatter_add_(-1, index, exact * listed)
    else:
        gradient.mul_(ce)
    if ce:
        gradient.scatter_add_(-1, next_token[:, None], gradient.new_full((len(loss), 1), -ce))
    return loss, gradient


#: Least probability of the student's tail; float32 cannot tell less from 1 - sum(q).
TINY = 1e-7
