"""How far a student's next-token odds are from its teacher's, and which way is down.

Each divergence takes natural log-probabilities over the same outcomes, the teacher's `p` and the
student's `q`, float [R, O], and returns
- its value in nats, or a share of 1 for total variation, [R]: >= 0, and 0 where they agree;
- its slope, [R, O]: the derivative with respect to each log q, as if each could move by itself.

An outcome that stands for nothing has NEVER on both sides: it adds 0 to either.
"""

from collections.abc import Callable
from math import log

import torch
from torch import Tensor

from family.spec import JSD, Divergence, ForwardKL, ReverseKL, SkewedKL, TotalVariation

#: Log-probability of what cannot be. Not -inf, whose differences are no numbers.
NEVER = -1e4

Measured = tuple[Tensor, Tensor]


def divergence(term: Divergence, p: Tensor, q: Tensor) -> Measured:
    """A term's value [R] and slope [R, O], weighted, at its temperature T.

    Both sides' odds to the power of 1/T are compared, and T² times what is found counts, so that
    gradients keep their size (Hinton et al. 2015, arXiv 1503.02531)."""
    measure, heat = _measure(term), term.temperature
    if heat == 1:
        value, slope = measure(p, q)
        return value.mul_(term.weight), slope.mul_(term.weight)
    softer = (q / heat).log_softmax(-1)
    value, slope = measure((p / heat).log_softmax(-1), softer)
    slope = slope.sub_(softer.exp_().mul_(slope.sum(-1, keepdim=True)))
    return value.mul_(term.weight * heat**2), slope.mul_(term.weight * heat)


def _measure(term: Divergence) -> Callable[[Tensor, Tensor], Measured]:
    match term:
        case ForwardKL():
            return forward_kl
        case ReverseKL():
            return reverse_kl
        case JSD(beta=beta):
            return lambda p, q: jsd(p, q, beta)
        case SkewedKL(alpha=alpha, direction="forward"):
            return lambda p, q: skewed_forward_kl(p, q, alpha)
        case SkewedKL(alpha=alpha):
            return lambda p, q: skewed_reverse_kl(p, q, alpha)
        case TotalVariation():
            return total_variation


def forward_kl(p: Tensor, q: Tensor) -> Measured:
    """KL(p || q) = sum p log(p / q) (Hinton et al. 2015)."""
    odds = p.exp()
    return (odds * (p - q)).sum(-1), odds.neg_()


def reverse_kl(p: Tensor, q: Tensor) -> Measured:
    """KL(q || p) (MiniLLM, Gu et al. 2024, arXiv 2306.08543)."""
    odds, apart = q.exp(), q - p
    return (odds * apart).sum(-1), apart.add_(1).mul_(odds)


def jsd(p: Tensor, q: Tensor, beta: float) -> Measured:
    """beta KL(p || m) + (1 - beta) KL(q || m), m = beta p + (1 - beta) q (GKD, Agarwal et al.
    2024, arXiv 2306.13649)."""
    mixed = torch.logaddexp(p + log(beta), q + log(1 - beta))
    from_p = p.exp().mul_(p - mixed).sum(-1)
    slope = q.exp().mul_(q - mixed)
    from_q = slope.sum(-1)
    return beta * from_p + (1 - beta) * from_q, slope.mul_(1 - beta)


def skewed_forward_kl(p: Tensor, q: Tensor, alpha: float) -> Measured:
    """KL(p || alpha p + (1 - alpha) q) (DistiLLM, Ko et al. 2024, arXiv 2402.03898)."""
    mixed = torch.logaddexp(p + log(alpha), q + log(1 - alpha))
    odds = p.exp()
    value = (odds * (p - mixed)).sum(-1)
    return value, (q - mixed).exp_().mul_(odds).mul_(alpha - 1)


def skewed_reverse_kl(p: Tensor, q: Tensor, alpha: float) -> Measured:
    """KL(q || alpha q + (1 - alpha) p) (DistiLLM, likewise)."""
    mixed = torch.logaddexp(q + log(alpha), p + log(1 - alpha))
    odds, apart = q.exp(), q - mixed
    value = (odds * apart).sum(-1)
    return value, apart.exp().mul_(-alpha).add_(apart).add_(1).mul_(odds)


def total_variation(p: Tensor, q: Tensor) -> Measured:
    """sum |p - q| / 2 (f-distill, Wen et al. 2023, arXiv 2307.15190); no slope where p = q."""
    odds = q.exp()
    apart = odds - p.exp()
    return apart.abs().sum(-1) / 2, apart.sign_().mul_(odds).div_(2)
