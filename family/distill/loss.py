"""The distillation loss and its gradient, in one pass over chunks of rows.

A row is one target: a position whose next token is to be learned. Logits exist for one chunk of
rows at a time, so that no [batch, time, vocabulary] tensor is ever held, and the gradients with
respect to hidden states and head are written in the same pass.

The terms know nothing of logits: each says how it changes with the student's log-odds of some
outcomes (`family.distill.divergence`), and `_rows` alone turns that into a gradient.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import pad

from family.distill.divergence import NEVER, divergence
from family.spec import CrossEntropy, Divergence
from family.teacher.head import capped

#: Rows of logits held at once. Chunks have this shape, or half of it: a new one costs a compile.
ROWS = 256
#: Numbers that are worked on at once: by a processor, whose caches hold some megabytes, and by
#: another device, which is kept busy by more.
CACHED, WORKED = 2**19, 2**25
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

    def chunk(self, start: int, size: int) -> "Targets":
        """`size` rows from `start` on; of those beyond the last one nothing is known."""
        part = slice(start, start + size)
        ids = None if self.ids is None else _filled(self.ids[part], size, -1)
        match self.logp:
            case LiveOdds(hidden=hidden, head=head, cap=cap):
                logp: Tensor | None = capped(_filled(hidden[part], size) @ head.T, cap)
            case None:
                logp = None
            case stored:
                logp = _filled(stored[part], size)
        return Targets(_filled(self.next_token[part], size, -1), ids, logp)

    def part(self, part: slice) -> "Targets":
        """Some of the rows of a chunk."""
        assert not isinstance(self.logp, LiveOdds)
        ids = None if self.ids is None else self.ids[part]
        logp = None if self.logp is None else self.logp[part]
        return Targets(self.next_token[part], ids, logp)


def _filled(rows: Tensor, size: int, value: float = 0) -> Tensor:
    """Rows [<= size, ...] made up to `size`."""
    beside = (0, 0) * (rows.dim() - 1)
    return pad(rows, (*beside, 0, size - len(rows)), value=value)


def distillation_loss(
    hidden: Tensor,
    head: Tensor,
    targets: Targets,
    terms: Sequence[Term],
    cap: float | None = None,
    share: float | Tensor = 1.0,
) -> Tensor:
    """Weighted sum of the terms, summed over rows, in nats, times `share`; 0 if there is no row.

    hidden [M, D] in the dtype in which logits are to be computed, head [V, D] in any. Terms:
    - a divergence between the teacher's and the student's odds of the k listed tokens and, as one
      more outcome, the tail of all others (as DistillKit and Peng et al. 2024 do); or of all
      tokens, where the teacher says all.
    - cross_entropy: -log q(next token), over rows where it is known.
    Where `cap` is given, logits are bent to stay within +-cap.
    """
    loss: Tensor = _Fused.apply(hidden, head, targets, terms, cap, share)  # type: ignore[no-untyped-call]
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
        share: float | Tensor,
    ) -> Tensor:
        exact = torch.promote_types(hidden.dtype, torch.float32)
        weight = head.to(hidden.dtype)
        total = torch.zeros((), dtype=exact, device=head.device)
        grad_hidden = torch.empty_like(hidden)
        grad_head = torch.zeros_like(head, dtype=exact)
        held = hidden.new_empty(ROWS if len(hidden) > ROWS // 2 else ROWS // 2, len(head))
        for start, size in _chunks(len(hidden)):
            real = min(size, len(hidden) - start)
            rows, chunk = _filled(hidden[start : start + size], size), targets.chunk(start, size)
            logits = torch.mm(rows, weight.T, out=held[:size])
            losses = torch.empty(size, dtype=exact, device=head.device)
            for part in _parts(logits):
                bent = capped(logits[part].to(exact), cap)
                slope = None if cap is None else 1 - (bent / cap) ** 2
                losses[part], grad = _rows(bent, chunk.part(part), terms)
                if slope is not None:
                    grad *= slope
                logits[part] = grad.mul_(share)
            grad = logits  # its place is taken
            grad[real:] = 0
            total += losses[:real].sum()
            grad_hidden[start : start + real] = (grad @ weight)[:real]
            for some in _parts(grad_head):
                grad_head[some] += grad[:, some].T @ rows
        ctx.save_for_backward(grad_hidden, grad_head.to(head.dtype))
        return total * share

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        (scale,) = grads
        found = ctx.saved_tensors
        if scale.device.type != "cpu" or scale != 1:  # what is large is not copied for nothing
            found = [grad * scale for grad in found]
        return *found, None, None, None, None


def _chunks(count: int) -> Iterator[tuple[int, int]]:
    """Where each chunk of rows starts, and its size: ROWS, or half of that for what is left."""
    for start in range(0, count, ROWS):
        yield start, ROWS if count - start > ROWS // 2 else ROWS // 2


def _parts(rows: Tensor) -> Iterator[slice]:
    """Some rows [R, W] at a time, few enough that what is made of them stays in a cache or at
    least takes little memory."""
    most = CACHED if rows.device.type == "cpu" else WORKED
    size = max(1, most // rows.shape[1])
    for start in range(0, len(rows), size):
        yield slice(start, start + size)


def _rows(logits: Tensor, targets: Targets, terms: Sequence[Term]) -> tuple[Tensor, Tensor]:
    """Loss [R] and its gradient [R, V] with respect to logits [R, V].

    Where s_o is the loss' derivative with respect to log q_o, S their sum and t the tail,
      d loss / d z_j = s_j - q_j S                for a listed j,
                       q_j (s_t / q_t - S)        for a j of the tail.
    """
    log_q = logits.log_softmax(-1)
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
    gradient = log_q.softmax(-1)  # its own exponential, which is faster than exp's
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
