"""The distillation loss and its gradient, in one pass over chunks of rows.

A row is one target: a position whose next token is to be learned. Logits exist for one chunk of
rows at a time, so that no [batch, time, vocabulary] tensor is ever held, and the gradients with
respect to hidden states and head are written in the same pass.

The terms know nothing of logits: each says how it changes with the student's log-odds of some
outcomes (`family.distill.divergence`), and `_rows` alone turns that into a gradient.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import pad

from family.distill.divergence import NEVER, divergence
from family.spec import CrossEntropy, Divergence
from family.teacher.head import capped

#: Rows of logits held at once. Every chunk has this one shape: a new one costs a compile.
ROWS = 256
#: Least probability of a tail; float32 cannot tell less from 1 - sum(q).
TINY = 1e-7

Term = Divergence | CrossEntropy


@dataclass(frozen=True)
class LiveOdds:
    """What a teacher that runs beside the student would say, worked out as it is asked."""

    hidden: Tensor
    """The teacher's own hidden states, [M, E]."""
    head: Tensor
    """Its head's rows for the student's tokens, [V, E]."""
    cap: float | None = None
    """Within which its logits are bent to stay."""


@dataclass(frozen=True)
class Targets:
    """What is to be learned at each of M rows."""

    next_token: Tensor
    """What the corpus says next, int64 [M]; -1 where that is not known."""
    ids: Tensor | None = None
    """The tokens whose odds the teacher gives, in the student's numbering, int64 [M, k]; -1 for
    one that the student lacks, whose probability counts with the tail's. None: `logp` is about all
    of the student's tokens."""
    logp: Tensor | LiveOdds | None = None
    """Natural log-probabilities, float [M, k]; or of all of the student's tokens, [M, V], up to a
    constant of each row: of what a student lacks, it has no tail to put it in. None: no teacher."""

    def chunk(self, start: int) -> "Targets":
        """ROWS rows from `start` on; of those beyond the last one nothing is known."""
        part = slice(start, start + ROWS)
        ids = None if self.ids is None else _filled(self.ids[part], -1)
        match self.logp:
            case LiveOdds(hidden=hidden, head=head, cap=cap):
                logp: Tensor | None = capped(_filled(hidden[part], 0) @ head.T, cap)
            case None:
                logp = None
            case stored:
                logp = _filled(stored[part], 0)
        return Targets(_filled(self.next_token[part], -1), ids, logp)


def _filled(rows: Tensor, value: float) -> Tensor:
    """Rows [<= ROWS, ...] made up to ROWS."""
    beside = (0, 0) * (rows.dim() - 1)
    return pad(rows, (*beside, 0, ROWS - len(rows)), value=value)


def distillation_loss(
    hidden: Tensor,
    head: Tensor,
    targets: Targets,
    terms: Sequence[Term],
    cap: float | None = None,
) -> Tensor:
    """Weighted sum of the terms, summed over rows, in nats; 0 if there is no row.

    hidden [M, D] and head [V, D], in the dtype in which logits are to be computed. Terms:
    - a divergence between the teacher's and the student's odds of the k listed tokens and, as one
      more outcome, the tail of all others (as DistillKit and Peng et al. 2024 do); or of all
      tokens, where the teacher says all.
    - cross_entropy: -log q(next token), over rows where it is known.
    Where `cap` is given, logits are bent to stay within +-cap.
    """
    loss: Tensor = _Fused.apply(hidden, head, targets, terms, cap)  # type: ignore[no-untyped-call]
    return loss


class _Fused(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        hidden: Tensor,
        head: Tensor,
        targets: Targets,
        terms: Sequence[Term],
        cap: float | None,
    ) -> Tensor:
        count = len(hidden)
        exact = torch.promote_types(head.dtype, torch.float32)
        total = torch.zeros((), dtype=exact, device=head.device)
        grad_hidden = torch.empty_like(hidden)
        grad_head = torch.zeros_like(head, dtype=exact)
        for start in range(0, count, ROWS):
            real = min(ROWS, count - start)
            rows = _filled(hidden[start : start + ROWS], 0)
            logits = capped((rows @ head.T).to(exact), cap)
            slope = None if cap is None else 1 - (logits / cap) ** 2
            loss, grad = _rows(logits, targets.chunk(start), terms)
            if slope is not None:
                grad *= slope
            grad[real:] = 0
            total += loss[:real].sum()
            grad = grad.to(head.dtype)
            grad_hidden[start : start + real] = (grad @ head)[:real]
            grad_head += grad.T @ rows
        ctx.save_for_backward(grad_hidden, grad_head.to(head.dtype))
        return total

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, Tensor, None, None, None]:
        grad_hidden, grad_head = ctx.saved_tensors
        (scale,) = grads
        return grad_hidden * scale, grad_head * scale, None, None, None


def _rows(logits: Tensor, targets: Targets, terms: Sequence[Term]) -> tuple[Tensor, Tensor]:
    """Loss [R] and its gradient [R, V] with respect to logits [R, V], which are overwritten.

    Where s_o is the loss' derivative with respect to log q_o, S their sum and t the tail,
      d loss / d z_j = s_j - q_j S                for a listed j,
                       q_j (s_t / q_t - S)        for a j of the tail.
    """
    log_q = logits.sub_(logits.logsumexp(-1, keepdim=True))
    loss = logits.new_zeros(len(logits))
    taught = [term for term in terms if not isinstance(term, CrossEntropy)]
    outcomes = _Outcomes(log_q, targets) if taught else None
    slope: Tensor | None = None
    for term in taught:
        assert outcomes
        value, change = divergence(term, outcomes.p, outcomes.q)
        loss += value
        slope = change if slope is None else slope.add_(change)

    known = targets.next_token >= 0
    said = targets.next_token.clamp(min=0)[:, None]
    right = -sum(term.weight for term in terms if isinstance(term, CrossEntropy)) * known.to(loss)
    loss += right * log_q.gather(-1, said).squeeze(-1)

    factor = -right[:, None]
    if slope is not None:
        factor = factor - slope.sum(-1, keepdim=True)
    gradient = log_q.exp_()
    if outcomes is None or slope is None:
        gradient.mul_(factor)
    elif outcomes.index is None:
        gradient.mul_(factor).add_(slope)
    else:
        tail = slope[:, -1:] * (-outcomes.q[:, -1:]).exp()
        own = slope[:, :-1] - tail * outcomes.q[:, :-1].exp()  # 0 for a token that is absent
        gradient.mul_(factor + tail).scatter_add_(-1, outcomes.index, own)
    gradient.scatter_add_(-1, said, right[:, None])
    return loss, gradient


class _Outcomes:
    """What teacher and student are compared on: listed tokens and their tail, or all tokens."""

    def __init__(self, log_q: Tensor, targets: Targets) -> None:
        assert isinstance(targets.logp, Tensor)
        logp = targets.logp.to(log_q)
        if targets.ids is None:
            self.index: Tensor | None = None
            self.p, self.q = logp.log_softmax(-1).clamp_(min=NEVER), log_q
            return
        absent = (targets.ids < 0) | (logp == -torch.inf)
        self.index = targets.ids.clamp(min=0)
        self.p = _with_tail(logp.masked_fill(absent, NEVER))
        self.q = _with_tail(log_q.gather(-1, self.index).masked_fill_(absent, NEVER))


def _with_tail(listed: Tensor) -> Tensor:
    """Log-probabilities [R, k] and the one of all that they leave over, [R, k + 1]."""
    tail = (1 - listed.exp().sum(-1, keepdim=True)).clamp_(min=TINY).log_()
    return torch.cat([listed, tail], -1)
