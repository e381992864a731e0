import math

import pytest
import torch

from family.distill.divergence import NEVER, divergence
from family.spec import Divergence
from tests.family.distill.terms import (
    DIVERGENCES,
    FORWARD,
    JENSEN,
    REVERSE,
    SKEWED,
    VARIATION,
    hot,
    named,
    plain,
    weighted,
)

EVERY = [*DIVERGENCES, *(hot(term) for term in DIVERGENCES), weighted(hot(JENSEN, 0.5), 0.3)]


def odds(seed: int, outcomes: int = 7) -> torch.Tensor:
    chance = torch.Generator().manual_seed(seed)
    return torch.randn(4, outcomes, generator=chance, dtype=torch.float64).mul(2).log_softmax(-1)


@pytest.mark.parametrize("term", EVERY, ids=named)
def test_its_value_is_that_of_the_papers_formula(term: Divergence) -> None:
    p, q = odds(0), odds(1)
    value, _ = divergence(term, p, q)
    torch.testing.assert_close(
        value, torch.stack([plain(term, *row) for row in zip(p.exp(), q.exp(), strict=True)])
    )


@pytest.mark.parametrize("term", EVERY, ids=named)
def test_its_slope_is_that_of_the_logits_that_the_odds_come_from(term: Divergence) -> None:
    p, logits = odds(0), odds(1).requires_grad_()
    total = sum(
        plain(term, *row) for row in zip(p.exp(), logits.log_softmax(-1).exp(), strict=True)
    )
    (expected,) = torch.autograd.grad(total, logits)
    _, slope = divergence(term, p, logits.detach())
    torch.testing.assert_close(slope - logits.exp() * slope.sum(-1, keepdim=True), expected)


@pytest.mark.parametrize("term", EVERY, ids=named)
def test_odds_that_agree_have_no_value_and_nowhere_to_go(term: Divergence) -> None:
    p = odds(0)
    value, slope = divergence(term, p, p.clone())
    torch.testing.assert_close(value, torch.zeros_like(value), atol=1e-12, rtol=0)
    moved = slope - p.exp() * slope.sum(-1, keepdim=True)
    torch.testing.assert_close(moved, torch.zeros_like(moved), atol=1e-12, rtol=0)


@pytest.mark.parametrize("term", EVERY, ids=named)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_an_outcome_that_cannot_be_adds_nothing(term: Divergence, dtype: torch.dtype) -> None:
    p, q = odds(0).to(dtype), odds(1).to(dtype)
    never = torch.full((4, 2), NEVER, dtype=dtype)
    value, slope = divergence(term, p, q)
    with_never = divergence(term, torch.cat([p, never], -1), torch.cat([q, never], -1))
    torch.testing.assert_close(with_never[0], value)
    torch.testing.assert_close(with_never[1], torch.cat([slope, torch.zeros_like(never)], -1))


@pytest.mark.parametrize("term", EVERY, ids=named)
def test_odds_of_one_in_e_to_the_80_leave_numbers(term: Divergence) -> None:
    p = torch.tensor([[0.0, -80.0, -80.0]]).log_softmax(-1)
    value, slope = divergence(term, p, p.flip(-1))
    assert value.isfinite().all()
    assert slope.isfinite().all()


@pytest.mark.parametrize(
    ("term", "expected"),
    [
        (FORWARD, 0.75 * math.log(1.5) + 0.25 * math.log(0.5)),
        (REVERSE, 0.5 * math.log(0.5 / 0.75) + 0.5 * math.log(2)),
        (VARIATION, 0.25),
        (SKEWED, 0.75 * math.log(0.75 / 0.55) + 0.25 * math.log(0.25 / 0.45)),
    ],
    ids=lambda found: getattr(found, "kind", None),
)
def test_two_coins_are_as_far_apart_as_by_hand(term: Divergence, expected: float) -> None:
    p, q = torch.tensor([[0.75, 0.25]]).log(), torch.tensor([[0.5, 0.5]]).log()
    assert divergence(term, p, q)[0].item() == pytest.approx(expected, rel=1e-5)


def test_heat_keeps_the_size_of_the_gradient() -> None:
    # Hinton et al. 2015: of logits near 0 the softened gradient is 1/T² of the plain one.
    p, q = (odds(seed).mul(1e-3).log_softmax(-1) for seed in (0, 1))

    def size(temperature: float) -> float:
        _, slope = divergence(hot(FORWARD, temperature), p, q)
        return (slope - q.exp() * slope.sum(-1, keepdim=True)).norm().item()

    assert size(8) == pytest.approx(size(1), rel=0.01)
