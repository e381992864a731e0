"""The same losses as TRL's and Liger's, where they have them (extra `bench`)."""

import os

import pytest
import torch
from torch import Tensor

from family.distill.loss import LiveOdds, Targets, distillation_loss
from family.spec import JSD, Loss
from tests.family.distill.terms import FORWARD, REVERSE, RIGHT, hot, weighted

ROWS, VOCABULARY = 48, 300
NEAR = {"rtol": 1e-5, "atol": 1e-6}

#: Their `beta` for each of ours: 0 and 1 mean KL.
BY_BETA: list[tuple[float, Loss]] = [
    (0.0, FORWARD),
    (1.0, REVERSE),
    *((beta, JSD(kind="jsd", beta=beta)) for beta in (0.1, 0.5, 0.9)),
]


def made(seed: int, rows: int, width: int) -> Tensor:
    chance = torch.Generator().manual_seed(seed)
    return torch.randn(rows, width, generator=chance)


def student() -> tuple[Tensor, Tensor]:
    return made(0, ROWS, 8).requires_grad_(), made(1, VOCABULARY, 8).requires_grad_()


@pytest.mark.parametrize("temperature", [1.0, 2.0])
@pytest.mark.parametrize(("beta", "term"), BY_BETA)
def test_trl_finds_the_same(beta: float, term: Loss, temperature: float) -> None:
    os.environ.setdefault("TRL_EXPERIMENTAL_SILENCE", "1")
    gkd = pytest.importorskip("trl.experimental.gkd", reason="needs TRL (extra `bench`)")
    hidden, head = student()
    teacher = made(2, ROWS, VOCABULARY)
    theirs = gkd.GKDTrainer.generalized_jsd_loss(
        (hidden @ head.T)[None],
        teacher[None],
        beta=beta,
        temperature=temperature,
        labels=torch.zeros(1, ROWS),
    )
    targets = Targets(torch.zeros(ROWS).long(), None, teacher)
    loss = distillation_loss(hidden, head, targets, (hot(term, temperature),))
    ours = loss / temperature**2 / ROWS  # they leave the gradient to shrink
    torch.testing.assert_close(ours, theirs, **NEAR)
    gradients = (torch.autograd.grad(one, (hidden, head)) for one in (ours, theirs))
    for mine, their in zip(*gradients, strict=True):
        torch.testing.assert_close(mine, their, **NEAR)


@pytest.mark.parametrize(("beta", "term"), BY_BETA)
def test_liger_finds_the_same(beta: float, term: Loss) -> None:
    liger = pytest.importorskip(
        "liger_kernel.chunked_loss", reason="needs Liger (extra `bench`)", exc_type=ImportError
    )
    hidden, head = student()
    teacher = made(2, ROWS, 5), made(3, VOCABULARY, 5)
    labels = torch.arange(ROWS)
    measure = liger.LigerFusedLinearJSDLoss(
        beta=beta, weight_soft_loss=0.7, weight_hard_loss=0.3, compiled=False, chunk_size=16
    )
    theirs = measure(hidden, head, *teacher, labels)
    targets = Targets(labels, None, LiveOdds(*teacher))
    ours = distillation_loss(hidden, head, targets, (weighted(term, 0.7), weighted(RIGHT, 0.3)))
    ours = ours / ROWS
    torch.testing.assert_close(ours, theirs, **NEAR)
    gradients = (torch.autograd.grad(one, (hidden, head)) for one in (ours, theirs))
    for mine, their in zip(*gradients, strict=True):
        torch.testing.assert_close(mine, their, **NEAR)
