import math

import pytest
import torch
from torch import Tensor

from family.distill.loss import ROWS, Targets, distillation_loss

WIDTH, VOCABULARY, K = 8, 24, 5


def problem(
    rows: int, dtype: torch.dtype = torch.float64, absent: int = 0
) -> tuple[Tensor, Tensor, Targets]:
    """Random hidden states and head, and a teacher's top k of which some the student lacks."""
    chance = torch.Generator().manual_seed(rows)
    hidden = torch.randn(rows, WIDTH, generator=chance, dtype=dtype, requires_grad=True)
    head = torch.randn(VOCABULARY, WIDTH, generator=chance, dtype=dtype, requires_grad=True)
    teacher = torch.randn(rows, VOCABULARY, generator=chance, dtype=dtype).log_softmax(-1)
    top = teacher.topk(K)
    ids = top.indices.clone()
    ids[:, :absent] = -1
    next_token = torch.randint(VOCABULARY, (rows,), generator=chance)
    return hidden, head, Targets(next_token, ids, top.values)


def plain(hidden: Tensor, head: Tensor, targets: Targets, kl: float, ce: float) -> Tensor:
    """The same loss as one would write it down, row by row, with autograd's gradient."""
    total = hidden.new_zeros(())
    for row, logits in enumerate(hidden @ head.T):
        log_q = logits.log_softmax(-1)
        listed = targets.ids[row] >= 0
        ids, log_p = targets.ids[row][listed], targets.logp[row][listed]
        rest = torch.ones(VOCABULARY, dtype=torch.bool)
        rest[ids] = False
        p_tail = 1 - log_p.exp().sum()
        known = (log_p.exp() * (log_p - log_q[ids])).sum()
        tail = p_tail * (p_tail.log() - log_q[rest].exp().sum().log())
        total = total + kl * (known + tail) - ce * log_q[targets.next_token[row]]
    return total


@pytest.mark.parametrize("rows", [1, ROWS, ROWS + 3])
@pytest.mark.parametrize(("kl", "ce"), [(1.0, 0.0), (0.0, 1.0), (0.7, 0.3)])
def test_loss_and_gradients_equal_the_plain_ones(rows: int, kl: float, ce: float) -> None:
    hidden, head, targets = problem(rows, absent=1)
    ours = distillation_loss(hidden, head, targets, {"forward_kl": kl, "cross_entropy": ce})
    expected = plain(hidden, head, targets, kl, ce)
    torch.testing.assert_close(ours, expected)
    for mine, theirs in zip(
        torch.autograd.grad(ours, (hidden, head)),
        torch.autograd.grad(expected, (hidden, head)),
        strict=True,
    ):
        torch.testing.assert_close(mine, theirs)


def test_gradient_is_that_of_finite_differences() -> None:
    hidden, head, targets = problem(3)
    terms = {"forward_kl": 1.0, "cross_entropy": 0.5}
    assert torch.autograd.gradcheck(
        lambda h, w: distillation_loss(h, w, targets, terms), (hidden, head)
    )


def test_kl_of_two_coins_has_its_known_value() -> None:
    # Teacher 0.75 / 0.25, student 0.5 / 0.5: the second side is the tail.
    targets = Targets(torch.tensor([0]), torch.tensor([[0]]), torch.tensor([[math.log(0.75)]]))
    loss = distillation_loss(torch.ones(1, 1), torch.zeros(2, 1), targets, {"forward_kl": 1.0})
    expected = 0.75 * math.log(0.75 / 0.5) + 0.25 * math.log(0.25 / 0.5)
    assert loss.item() == pytest.approx(expected, rel=1e-6)


def test_a_student_that_agrees_has_no_loss_and_no_gradient() -> None:
    hidden, head, _ = problem(4)
    top = (hidden @ head.T).log_softmax(-1).topk(K)
    targets = Targets(torch.zeros(4, dtype=torch.long), top.indices, top.values.detach())
    loss = distillation_loss(hidden, head, targets, {"forward_kl": 1.0})
    assert loss.item() == pytest.approx(0, abs=1e-12)
    (gradient,) = torch.autograd.grad(loss, hidden)
    torch.testing.assert_close(gradient, torch.zeros_like(gradient), atol=1e-10, rtol=0)


def test_a_token_that_the_student_lacks_counts_with_the_tail() -> None:
    hidden, head, targets = problem(2)
    without = Targets(targets.next_token, targets.ids[:, 1:], targets.logp[:, 1:])
    lacking = Targets(targets.next_token, targets.ids.clone(), targets.logp)
    lacking.ids[:, 0] = -1
    terms = {"forward_kl": 1.0}
    torch.testing.assert_close(
        distillation_loss(hidden, head, lacking, terms),
        distillation_loss(hidden, head, without, terms),
    )


def test_no_rows_have_no_loss() -> None:
    hidden, head, targets = problem(0)
    assert distillation_loss(hidden, head, targets, {"forward_kl": 1.0}).item() == 0
