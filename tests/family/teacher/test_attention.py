"""Attention on a processor is torch's own, up to rounding, in its gradients too."""

from typing import Any

import pytest
import torch
from torch import Tensor
from transformers import AutoModelForCausalLM, LlamaConfig

from family.teacher.attention import NAME, POSITIONS, quicken

LENGTH = 2 * POSITIONS + 7


def model(dtype: torch.dtype = torch.float32, **changes: Any) -> Any:
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=50,
        hidden_size=32,
        intermediate_size=48,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        **changes,
    )
    return AutoModelForCausalLM.from_config(config, dtype=dtype, attn_implementation="sdpa")


def tokens() -> Tensor:
    return torch.randint(50, (2, LENGTH), generator=torch.Generator().manual_seed(1))


def packed() -> Tensor:
    """Two samples in a block, the second from a place that no part begins or ends at."""
    first = POSITIONS + 5
    return torch.cat([torch.arange(first), torch.arange(LENGTH - first)]).repeat(2, 1)


def learned(student: Any, positions: Tensor) -> tuple[Tensor, list[Tensor]]:
    """Logits and gradients of a step under autocast."""
    with torch.autocast("cpu", torch.bfloat16):
        logits = student(tokens(), position_ids=positions, use_cache=False).logits.float()
    logits.square().mean().backward()
    return logits.detach(), [weight.grad for weight in student.parameters()]


@pytest.mark.parametrize("positions", [torch.arange(LENGTH).repeat(2, 1), packed()])
def test_a_step_in_bfloat16_is_the_one_of_torchs_attention(positions: Tensor) -> None:
    expected, expected_grads = learned(model(), positions)
    student = model()
    quicken(student)
    found, grads = learned(student, positions)
    assert student.config._attn_implementation == NAME
    assert not torch.equal(found, expected)  # it is another attention
    torch.testing.assert_close(found, expected, atol=0.01, rtol=0)
    for one, other in zip(grads, expected_grads, strict=True):
        assert (one - other).norm() < 0.02 * other.norm()


def test_a_teacher_in_bfloat16_says_the_same_with_padding_on_the_left() -> None:
    mask = torch.ones(2, LENGTH, dtype=torch.long)
    mask[0, :9] = 0
    teacher = model(torch.bfloat16)
    expected = teacher(tokens(), attention_mask=mask).logits
    quicken(teacher)
    found = teacher(tokens(), attention_mask=mask).logits
    torch.testing.assert_close(found[mask == 1], expected[mask == 1], atol=0.02, rtol=0)
    assert found.isfinite().all()


def test_in_float32_it_is_torchs_own() -> None:
    expected = model()(tokens()).logits
    student = model()
    quicken(student)
    assert torch.equal(student(tokens()).logits, expected)


def test_a_model_that_attends_otherwise_is_left_alone() -> None:
    student = model()
    student.set_attn_implementation("eager")
    quicken(student)
    assert student.config._attn_implementation == "eager"
