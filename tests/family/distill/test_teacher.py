from pathlib import Path

import pytest
import torch

from family.corpus import blocks
from family.corpus.blocks import NOTHING
from family.distill.teacher import LiveTeacher
from family.errors import DescentError
from family.teacher.attention import quicken
from family.teacher.open import load
from tests.family.conftest import TinyFamily


def batch(family: TinyFamily, model: Path) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Tokens, positions and targets of the first two blocks in a model's own numbering."""
    corpus = blocks.read(family.corpus, model)
    wanted = corpus.labels[:2] != NOTHING
    tokens, positions = (
        torch.from_numpy(one[:2]).long() for one in (corpus.tokens, corpus.positions)
    )
    return tokens, positions, torch.from_numpy(wanted)


def test_it_says_of_the_students_tokens_what_it_says_in_its_own_numbers(
    tiny_family: TinyFamily,
) -> None:
    flagship = load(tiny_family.flagship, torch.bfloat16)
    quicken(flagship)
    tokens, positions, wanted = batch(tiny_family, tiny_family.flagship)
    hidden = flagship.model(tokens, position_ids=positions, use_cache=False).last_hidden_state
    kept = blocks.flagship_ids(tiny_family.start)
    expected = (hidden[wanted] @ flagship.lm_head.weight.T)[:, torch.from_numpy(kept).long()]

    teacher = LiveTeacher(tiny_family.flagship, tiny_family.start)
    lesson = teacher(*batch(tiny_family, tiny_family.start), states=True)
    assert torch.equal(lesson.odds.hidden @ lesson.odds.head.T, expected)
    assert [state.shape for state in lesson.states] == [(wanted.sum(), 64)] * 5


def test_a_teacher_of_the_same_vocabulary_needs_no_other_numbers(tiny_family: TinyFamily) -> None:
    teacher = LiveTeacher(tiny_family.distilled, tiny_family.start)
    assert teacher.numbers is None
    assert teacher(*batch(tiny_family, tiny_family.start), states=False).states == ()


def test_a_teacher_that_lacks_tokens_cannot_run_beside_a_student(tiny_family: TinyFamily) -> None:
    with pytest.raises(DescentError, match=r"lacks \d+ of the student's tokens.*signal: stored"):
        LiveTeacher(tiny_family.distilled, tiny_family.flagship)
