"""Norms that cast once give what transformers' own give, up to bfloat16's rounding."""

from typing import Any

import pytest
import torch
from torch import Tensor, nn
from transformers import AutoModelForCausalLM, Gemma3TextConfig, LlamaConfig

from family.distill.norm import quicken_norms

SIZES: dict[str, Any] = {
    "vocab_size": 50,
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "num_key_value_heads": 1,
}


def llama() -> Any:
    torch.manual_seed(0)
    model = AutoModelForCausalLM.from_config(LlamaConfig(**SIZES))
    with torch.no_grad():
        for layer in model.model.layers:
            layer.input_layernorm.weight.uniform_(0.5, 2)
    return model


def learned(norm: nn.Module) -> tuple[Tensor, Tensor, Tensor]:
    """What a norm makes of some states, and the gradients of these and of its weight."""
    states = torch.randn(2, 5, 32, generator=torch.Generator().manual_seed(1)).requires_grad_()
    with torch.autocast("cpu", torch.bfloat16):
        made = norm(states)
    (made.bfloat16().float() * torch.linspace(-1, 1, 32)).sum().backward()
    assert states.grad is not None
    assert isinstance(norm.weight, Tensor)
    assert norm.weight.grad is not None
    return made, states.grad, norm.weight.grad


def test_a_norm_and_its_gradients_are_transformers_own() -> None:
    expected = learned(llama().model.layers[0].input_layernorm)
    student = llama()
    quicken_norms(student)
    found = learned(student.model.layers[0].input_layernorm)
    assert found[0].dtype == torch.bfloat16
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one.float(), other, atol=0.02, rtol=0.01)


def test_the_last_norm_and_norms_outside_of_autocast_stay_exact() -> None:
    student, plain = llama(), llama()
    quicken_norms(student)
    tokens = torch.arange(10)[None]
    assert torch.equal(student(tokens).logits, plain(tokens).logits)
    with torch.autocast("cpu", torch.bfloat16):
        assert student.model(tokens).last_hidden_state.dtype == torch.float32


@pytest.mark.parametrize("change", [{"variance_epsilon": 1e-6}, {}])
def test_a_norm_of_another_kind_is_left_alone(change: dict[str, float]) -> None:
    student = AutoModelForCausalLM.from_config(
        Gemma3TextConfig(**SIZES, head_dim=16, sliding_window=4)
    )
    for module in student.modules():
        for name, value in change.items():
            setattr(module, name, value)  # though it may look like one
    quicken_norms(student)
    assert not any("forward" in vars(module) for module in student.modules())
