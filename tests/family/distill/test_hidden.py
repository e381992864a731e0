from collections.abc import Sequence
from types import SimpleNamespace
from typing import Literal

import pytest
import torch

from family.distill.hidden import HiddenMatch, pairs
from family.spec import HiddenStates

LARGE = SimpleNamespace(num_hidden_layers=4, hidden_size=6)
SMALL = SimpleNamespace(num_hidden_layers=2, hidden_size=3)


def asked(layers: Literal["last", "all"] | Sequence[int] = "all", **rest: float) -> HiddenStates:
    return HiddenStates.model_validate({"kind": "hidden_states", "layers": layers, **rest})


def states(model: SimpleNamespace, seed: int = 0, rows: int = 5) -> list[torch.Tensor]:
    chance = torch.Generator().manual_seed(seed)
    return [
        torch.randn(rows, model.hidden_size, generator=chance)
        for _ in range(model.num_hidden_layers + 1)
    ]


@pytest.mark.parametrize(
    ("layers", "expected"),
    [
        ("last", [(4, 30)]),
        ("all", [(1, 8), (2, 15), (3, 22), (4, 30)]),
        ((2, 3), [(2, 15), (3, 22)]),
    ],
)
def test_layers_are_matched_at_the_same_depth(
    layers: Literal["last", "all"] | Sequence[int], expected: list[tuple[int, int]]
) -> None:
    assert pairs(asked(layers), 4, 30) == expected


def test_it_is_the_share_of_the_teachers_length_that_is_missed() -> None:
    match, student, teacher = HiddenMatch(asked(), SMALL, LARGE), states(SMALL), states(LARGE, 1)
    torch.nn.init.normal_(match.projections[0])
    expected = torch.zeros(())
    for own, taught, projection in zip((1, 2), (2, 4), match.projections, strict=True):
        for row in range(5):
            wanted = teacher[taught][row]
            apart = projection @ student[own][row] - wanted
            expected = expected + apart.norm() ** 2 / wanted.norm() ** 2 / 2
    torch.testing.assert_close(match(student, teacher), expected)


def test_states_that_agree_have_no_loss_and_others_of_none_have_1_a_row() -> None:
    match, teacher = HiddenMatch(asked(weight=0.5), LARGE, LARGE), states(LARGE)
    assert match(teacher, teacher).item() == 0
    nothing = [torch.zeros_like(layer) for layer in teacher]
    assert match(nothing, teacher).item() == pytest.approx(0.5 * 5)


def test_its_gradient_is_that_of_finite_differences() -> None:
    match = HiddenMatch(asked("last"), SMALL, LARGE).double()
    student = [layer.double() for layer in states(SMALL)]
    teacher = [layer.double() for layer in states(LARGE, 1)]
    last = student[-1].requires_grad_()
    assert torch.autograd.gradcheck(lambda x: match([*student[:-1], x], teacher), last)


def test_no_targets_have_no_loss() -> None:
    match = HiddenMatch(asked(), SMALL, LARGE)
    assert match(states(SMALL, rows=0), states(LARGE, rows=0)).item() == 0


def test_a_teachers_states_from_inference_mode_can_be_learned_from() -> None:
    match = HiddenMatch(asked(), SMALL, LARGE)
    with torch.inference_mode():
        teacher = states(LARGE)
    match(states(SMALL), teacher).backward()
    assert all(projection.grad is not None for projection in match.projections)
