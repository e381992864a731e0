from collections.abc import Sequence
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from family.distill.loss import ROWS, LiveOdds, Targets, distillation_loss
from family.spec import CrossEntropy, Loss
from tests.family.distill.terms import (
    DIVERGENCES,
    FORWARD,
    JENSEN,
    REVERSE,
    RIGHT,
    SKEWED,
    VARIATION,
    hot,
    named,
    plain,
    weighted,
)

WIDTH, VOCABULARY, K = 8, 24, 5
MIXED = (weighted(hot(FORWARD), 0.7), weighted(REVERSE, 0.2), weighted(RIGHT, 0.3))
TERMS = [*((term,) for term in DIVERGENCES), (RIGHT,), (FORWARD, RIGHT), (hot(SKEWED, 3),), MIXED]
SMOOTH = [terms for terms in TERMS if VARIATION not in terms]  # which has corners


def written(terms: Sequence[Loss]) -> str:
    return " + ".join(map(named, terms))


def student(rows: int, dtype: torch.dtype = torch.float64) -> tuple[Tensor, Tensor]:
    """Random hidden states and head."""
    chance = torch.Generator().manual_seed(rows)
    hidden = torch.randn(rows, WIDTH, generator=chance, dtype=dtype, requires_grad=True)
    head = torch.randn(VOCABULARY, WIDTH, generator=chance, dtype=dtype, requires_grad=True)
    return hidden, head


def said(rows: int, dtype: torch.dtype = torch.float64) -> tuple[Tensor, Tensor]:
    """Random next tokens, of which some are not known, and a teacher's log-probabilities."""
    chance = torch.Generator().manual_seed(rows + 1)
    next_token = torch.randint(-1, VOCABULARY, (rows,), generator=chance)
    return next_token, torch.randn(rows, VOCABULARY, generator=chance, dtype=dtype).log_softmax(-1)


def listed(rows: int, absent: int = 0) -> Targets:
    """A teacher's top k, of which the student lacks some."""
    next_token, logp = said(rows)
    top = logp.topk(K)
    ids = top.indices.clone()
    ids[:, :absent] = -1
    return Targets(next_token, ids, top.values)


def whole(rows: int) -> Targets:
    """All that a teacher says."""
    next_token, logp = said(rows)
    return Targets(next_token, None, logp)


def live(rows: int) -> Targets:
    """A teacher that runs beside the student."""
    chance = torch.Generator().manual_seed(rows + 2)
    hidden = torch.randn(rows, 3, generator=chance, dtype=torch.float64)
    head = torch.randn(VOCABULARY, 3, generator=chance, dtype=torch.float64)
    return Targets(said(rows)[0], None, LiveOdds(hidden, head))


def odds(targets: Targets, row: int, q: Tensor) -> tuple[Tensor, Tensor]:
    """The teacher's and the student's odds of the outcomes that are compared at a row."""
    match targets:
        case Targets(logp=LiveOdds(hidden=hidden, head=head)):
            return (hidden[row] @ head.T).softmax(-1), q
        case Targets(ids=None, logp=Tensor() as logp):
            return logp[row].exp(), q
        case Targets(ids=Tensor() as ids, logp=Tensor() as logp):
            there = ids[row] >= 0
            p = logp[row][there].exp()
            rest = torch.ones(VOCABULARY, dtype=torch.bool)
            rest[ids[row][there]] = False
            tail = q[rest].sum()[None]
            return torch.cat([p, 1 - p.sum()[None]]), torch.cat([q[ids[row][there]], tail])
    raise AssertionError(targets)


def reference(hidden: Tensor, head: Tensor, targets: Targets, terms: Sequence[Loss]) -> Tensor:
    """The same loss as one would write it down, over whole logits, with autograd's gradient."""
    total = hidden.new_zeros(())
    for row, logits in enumerate(hidden @ head.T):
        q = logits.softmax(-1)
        for term in terms:
            if not isinstance(term, CrossEntropy):
                total = total + plain(term, *odds(targets, row, q))
            elif targets.next_token[row] >= 0:
                total = total - term.weight * q[targets.next_token[row]].log()
    return total


@pytest.mark.parametrize("rows", [1, 40])
@pytest.mark.parametrize("terms", TERMS, ids=written)
@pytest.mark.parametrize("teacher", [listed, whole, live])
def test_loss_and_gradients_equal_the_plain_ones(
    teacher: Any, terms: Sequence[Loss], rows: int
) -> None:
    inputs, targets = student(rows), teacher(rows)
    ours, expected = (f(*inputs, targets, terms) for f in (distillation_loss, reference))
    torch.testing.assert_close(ours, expected)
    gradients = zip(
        torch.autograd.grad(ours, inputs), torch.autograd.grad(expected, inputs), strict=True
    )
    for mine, theirs in gradients:
        torch.testing.assert_close(mine, theirs)


@pytest.mark.parametrize("teacher", [listed, whole, live])
def test_rows_of_several_chunks_add_up(teacher: Any) -> None:
    rows = ROWS + 3
    inputs, targets = student(rows), teacher(rows)
    ours, expected = (f(*inputs, targets, (JENSEN, RIGHT)) for f in (distillation_loss, reference))
    torch.testing.assert_close(ours, expected)


@pytest.mark.parametrize("terms", SMOOTH, ids=written)
@pytest.mark.parametrize("teacher", [listed, whole])
def test_gradient_is_that_of_finite_differences(teacher: Any, terms: Sequence[Loss]) -> None:
    targets = teacher(3)
    assert torch.autograd.gradcheck(
        lambda hidden, head: distillation_loss(hidden, head, targets, terms), student(3)
    )


@pytest.mark.parametrize("term", DIVERGENCES, ids=named)
def test_a_student_that_agrees_has_no_loss_and_no_gradient(term: Loss) -> None:
    hidden, head = student(4)
    top = (hidden @ head.T).log_softmax(-1).topk(K)
    targets = Targets(torch.zeros(4, dtype=torch.long), top.indices, top.values.detach())
    loss = distillation_loss(hidden, head, targets, (term,))
    assert loss.item() == pytest.approx(0, abs=1e-12)
    (gradient,) = torch.autograd.grad(loss, hidden)
    if term != VARIATION:  # whose slope jumps there
        torch.testing.assert_close(gradient, torch.zeros_like(gradient), atol=1e-10, rtol=0)


@pytest.mark.parametrize("term", DIVERGENCES, ids=named)
def test_a_token_that_the_student_lacks_counts_with_the_tail(term: Loss) -> None:
    whole_list, lacking = listed(2), listed(2, absent=1)
    assert whole_list.ids is not None
    assert isinstance(whole_list.logp, Tensor)
    without = Targets(whole_list.next_token, whole_list.ids[:, 1:], whole_list.logp[:, 1:])
    torch.testing.assert_close(
        distillation_loss(*student(2), lacking, (term,)),
        distillation_loss(*student(2), without, (term,)),
    )


def test_a_drawn_token_that_was_not_filled_in_counts_for_nothing() -> None:
    # Fewer different tokens were drawn than there is room for; those that were have all the mass.
    next_token, _ = said(2)
    ids, logp = torch.tensor([[3, 7], [1, 2]]), torch.tensor([[0.25, 0.75], [0.5, 0.5]]).log()
    room = torch.nn.functional.pad
    tight = Targets(next_token, ids, logp)
    roomy = Targets(next_token, room(ids, (0, 2)), room(logp, (0, 2), value=-torch.inf))
    expected = distillation_loss(*student(2), tight, (FORWARD,))
    torch.testing.assert_close(distillation_loss(*student(2), roomy, (FORWARD,)), expected)
    hidden, head = student(2)
    log_q = (hidden @ head.T).log_softmax(-1).gather(-1, ids)
    torch.testing.assert_close(expected, (logp.exp() * (logp - log_q)).sum(), atol=1e-5, rtol=0)


def test_of_a_whole_teacher_a_student_learns_the_odds_of_what_it_has() -> None:
    # Log-probabilities of some tokens of a larger vocabulary: their sum is below 1.
    hidden, head = student(2)
    targets = Targets(torch.zeros(2).long(), None, (hidden @ head.T).detach() - 3)
    loss = distillation_loss(hidden, head, targets, (FORWARD,))
    assert loss.item() == pytest.approx(0, abs=1e-12)


def test_no_rows_have_no_loss() -> None:
    assert distillation_loss(*student(0), listed(0), MIXED).item() == 0


def test_rows_without_a_known_answer_have_no_cross_entropy() -> None:
    targets = Targets(torch.full((3,), -1))
    inputs = student(3)
    loss = distillation_loss(*inputs, targets, (RIGHT,))
    assert loss.item() == 0
    assert not torch.autograd.grad(loss, inputs)[0].any()


class Largest(TorchDispatchMode):
    """Looks at every tensor that is made."""

    elements = 0

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Any = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        made = func(*args, **(kwargs or {}))
        for one in made if isinstance(made, tuple) else (made,):
            if isinstance(one, Tensor):
                self.elements = max(self.elements, one.numel())
        return made


@pytest.mark.parametrize("teacher", [listed, live])
def test_no_tensor_is_as_large_as_rows_times_vocabulary(teacher: Any) -> None:
    rows, vocabulary = 4 * ROWS, 2000
    chance = torch.Generator().manual_seed(0)
    hidden = torch.randn(rows, WIDTH, generator=chance).bfloat16().requires_grad_()
    head = torch.randn(vocabulary, WIDTH, generator=chance).bfloat16().requires_grad_()
    targets = teacher(rows)
    if isinstance(targets.logp, LiveOdds):
        beside = torch.randn(vocabulary, 3, generator=chance).bfloat16()
        targets = Targets(
            targets.next_token, None, LiveOdds(targets.logp.hidden.bfloat16(), beside)
        )
    with Largest() as seen:
        distillation_loss(hidden, head, targets, [*DIVERGENCES, *MIXED]).backward()
    assert seen.elements == ROWS * vocabulary


def test_logits_that_are_capped_are_capped_in_the_gradient_too() -> None:
    hidden, head = student(6)
    targets = listed(6)

    def loss(hidden: Tensor, head: Tensor) -> Tensor:
        return distillation_loss(hidden, head, targets, MIXED, 4.0)

    assert torch.autograd.gradcheck(loss, (hidden, head))
    assert (hidden @ head.T).abs().max() > 4
    capped = 4 * (hidden @ head.T / 4).tanh()
    same = distillation_loss(capped, torch.eye(VOCABULARY, dtype=head.dtype), targets, MIXED)
    torch.testing.assert_close(loss(hidden, head), same)
