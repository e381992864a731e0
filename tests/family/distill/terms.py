"""Loss terms of every kind, and each of them written down plainly."""

import torch
from torch import Tensor

from family.spec import (
    JSD,
    CrossEntropy,
    Divergence,
    ForwardKL,
    Loss,
    ReverseKL,
    SkewedKL,
    TotalVariation,
)

FORWARD = ForwardKL(kind="forward_kl")
REVERSE = ReverseKL(kind="reverse_kl")
JENSEN = JSD(kind="jsd", beta=0.3)
SKEWED = SkewedKL(kind="skewed_kl", alpha=0.2)
SKEWED_BACK = SkewedKL(kind="skewed_kl", alpha=0.2, direction="reverse")
VARIATION = TotalVariation(kind="total_variation")
RIGHT = CrossEntropy(kind="cross_entropy")

DIVERGENCES: tuple[Divergence, ...] = (FORWARD, REVERSE, JENSEN, SKEWED, SKEWED_BACK, VARIATION)


def weighted(term: Loss, weight: float) -> Loss:
    return term.model_copy(update={"weight": weight})


def hot(term: Loss, temperature: float = 2.0) -> Loss:
    return term.model_copy(update={"temperature": temperature})


def named(term: Loss) -> str:
    return term.written


def kl(p: Tensor, q: Tensor) -> Tensor:
    return torch.where(p > 0, p * (p / q).log(), 0.0).sum()


def plain(term: Divergence, p: Tensor, q: Tensor) -> Tensor:
    """The divergence of two lists of odds [O] as its paper writes it, weight and T² in it."""
    heat = term.temperature
    p, q = (odds ** (1 / heat) / (odds ** (1 / heat)).sum() for odds in (p, q))
    match term:
        case ForwardKL():
            found = kl(p, q)
        case ReverseKL():
            found = kl(q, p)
        case JSD(beta=beta):
            mixed = beta * p + (1 - beta) * q
            found = beta * kl(p, mixed) + (1 - beta) * kl(q, mixed)
        case SkewedKL(alpha=alpha, direction="forward"):
            found = kl(p, alpha * p + (1 - alpha) * q)
        case SkewedKL(alpha=alpha):
            found = kl(q, alpha * q + (1 - alpha) * p)
        case TotalVariation():
            found = (p - q).abs().sum() / 2
    return term.weight * heat**2 * found
