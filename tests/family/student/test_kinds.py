"""Every architecture goes through the one code path: a tiny random model of each kind."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from transformers import (
    AutoModelForCausalLM,
    Gemma2Config,
    Gemma3TextConfig,
    GemmaConfig,
    GPTNeoXConfig,
    LlamaConfig,
    MistralConfig,
    Phi3Config,
    PhiConfig,
    Qwen2Config,
    Qwen3Config,
    Qwen3MoeConfig,
)

from export.targets import faults
from family.distill.objective import learn
from family.errors import DescentError
from family.spec import Budget, CrossEntropy, ModelShape, PruneStart, Shape
from family.student.layout import AXES, Axis
from family.student.start import start
from family.teacher.head import Head
from family.teacher.open import load, read_config, shape_of
from tests import tiny
from tests.family.conftest import TinyFamily

SIZES = {
    "hidden_size": 64,
    "intermediate_size": 96,
    "num_hidden_layers": 4,
    "num_attention_heads": 4,
    "max_position_embeddings": 256,
    "initializer_range": 0.1,
    "bos_token_id": 1,
    "eos_token_id": 2,
    "pad_token_id": 0,
}
GROUPED = {"num_key_value_heads": 2, "head_dim": 16}
KINDS: dict[str, tuple[Any, dict[str, Any]]] = {
    "llama": (LlamaConfig, GROUPED),
    "mistral": (MistralConfig, {**GROUPED, "sliding_window": 64}),
    "qwen2": (Qwen2Config, {**GROUPED, "use_sliding_window": True, "max_window_layers": 2}),
    "qwen3": (Qwen3Config, {**GROUPED, "attention_bias": True}),
    "gemma": (GemmaConfig, {**GROUPED, "head_dim": 32}),
    "gemma2": (Gemma2Config, {**GROUPED, "sliding_window": 64}),
    "gemma3": (
        Gemma3TextConfig,
        {
            **GROUPED,
            "sliding_window": 64,
            "layer_types": ["sliding_attention", "sliding_attention", "full_attention"] * 2,
            "num_hidden_layers": 6,
        },
    ),
    "phi": (PhiConfig, {"num_key_value_heads": 2, "partial_rotary_factor": 0.5}),
    "phi3": (Phi3Config, GROUPED),
    "gpt_neox": (GPTNeoXConfig, {}),
}
SMALL = {"layers": 2, "hidden": 32, "intermediate": 64, "heads": 2, "kv_heads": 1}


def model_of(kind: str, **changes: Any) -> Any:
    torch.manual_seed(3)
    config, own = KINDS[kind]
    sizes = {**SIZES, **own, **changes}
    model = AutoModelForCausalLM.from_config(config(vocab_size=len(tiny.tokenizer()), **sizes))
    for name, weight in model.named_parameters():  # else a lost or swapped bias would not show
        if name.endswith("bias") or "norm" in name:
            torch.nn.init.normal_(weight, 0.5, 0.2)
    return model.eval()


def saved(model: Any, folder: Path) -> Path:
    model.save_pretrained(folder)
    tiny.tokenizer().save_pretrained(folder)
    return folder


def started(
    family: TinyFamily,
    parent: Path,
    out: Path,
    shape: Mapping[str, int] | None = None,
    *,
    trim: bool = False,
) -> Any:
    out.mkdir()
    inputs = {"parent": parent, "corpus": family.corpus}
    if trim:
        inputs["vocabulary"] = family.vocabulary
    start(inputs, PruneStart(kind="prune", shape=Shape(**(shape or {})), calibration=2), out)
    return load(out)


@torch.inference_mode()
def logits(model: Any) -> torch.Tensor:
    said: torch.Tensor = model(input_ids=torch.arange(3, 103)[None], use_cache=False).logits
    return said


def small(kind: str) -> dict[str, int]:
    return {**SMALL, "kv_heads": 2} if kind == "gpt_neox" else SMALL


@pytest.mark.parametrize("kind", KINDS)
def test_pruned_to_its_own_size_a_model_says_the_same(
    kind: str, tiny_family: TinyFamily, tmp_path: Path
) -> None:
    model = model_of(kind)
    same = started(tiny_family, saved(model, tmp_path / "parent"), tmp_path / "out")
    torch.testing.assert_close(logits(same), logits(model), atol=0, rtol=0)


@pytest.mark.parametrize("kind", KINDS)
def test_pruned_for_real_it_has_the_asked_shape_and_runs(
    kind: str, tiny_family: TinyFamily, tmp_path: Path
) -> None:
    parent = saved(model_of(kind), tmp_path / "parent")
    student = started(tiny_family, parent, tmp_path / "out", small(kind), trim=True)
    config = read_config(tmp_path / "out")
    kept = np.load(tiny_family.vocabulary / "vocabulary.npy")
    assert shape_of(config).model_dump(include=set(SMALL)) == small(kind)
    assert logits(student).shape[-1] == len(kept) == shape_of(config).vocabulary
    assert logits(student).isfinite().all()
    assert config.model_type == read_config(parent).model_type


@pytest.mark.parametrize("kind", KINDS)
def test_units_heads_and_layers_that_write_nothing_are_the_ones_that_go(
    kind: str, tiny_family: TinyFamily, tmp_path: Path
) -> None:
    parent = model_of(kind)
    layers = parent.base_model.layers
    for number, layer in enumerate(layers):
        for name, module in layer.named_modules():
            silence(name, module, shape_of(parent.config), whole=number == 2)
    shape = {"layers": len(layers) - 1, "intermediate": 64}
    if kind != "gpt_neox":  # a head less would be channels less
        shape |= {"heads": 2, "kv_heads": 1}
    student = started(tiny_family, saved(parent, tmp_path / "parent"), tmp_path / "out", shape)
    torch.testing.assert_close(logits(student), logits(parent), atol=1e-4, rtol=1e-4)


@torch.no_grad()
def silence(name: str, module: Any, shape: ModelShape, *, whole: bool) -> None:
    """Keep 32 units and a key-value head from writing; or all, and whatever is written by a norm
    or bias of its own."""
    axes, width = AXES.get(name), shape.head_dim
    values = {
        "self_attn.v_proj": 0,
        "self_attn.qkv_proj": (shape.heads + shape.kv_heads) * width,
    }
    if axes == (Axis.CHANNELS, Axis.UNITS):
        module.weight[:, 5:37] = 0
    if name in values:
        for weight in module.parameters():
            weight[values[name] : values[name] + width] = 0
    if whole and axes and axes[0] is Axis.CHANNELS and axes[1]:
        for weight in module.parameters():
            weight.zero_()


@pytest.mark.parametrize("kind", ["gemma2", "gemma3", "qwen2"])
def test_kept_layers_keep_their_kind_of_attention(
    kind: str, tiny_family: TinyFamily, tmp_path: Path
) -> None:
    parent = saved(model_of(kind), tmp_path / "parent")
    out = tmp_path / "out"
    out.mkdir()
    inputs = {"parent": parent, "corpus": tiny_family.corpus}
    outcome = start(inputs, PruneStart(kind="prune", shape=Shape(layers=3), calibration=2), out)
    kinds = read_config(parent).layer_types
    layers = [int(layer) for layer in str(outcome.edges[0].detail["layers"]).split(",")]
    assert read_config(out).layer_types == [kinds[layer] for layer in layers]
    assert len(set(kinds)) == 2


@pytest.mark.parametrize("kind", ["gemma", "gemma2", "gemma3"])
def test_fewer_channels_leave_the_scale_of_embeddings_and_logits(
    kind: str, tiny_family: TinyFamily, tmp_path: Path
) -> None:
    parent = model_of(kind)
    student = started(
        tiny_family, saved(parent, tmp_path / "parent"), tmp_path / "out", {"hidden": 32}
    )
    words = torch.arange(3, 40)
    before, after = (model.get_input_embeddings()(words) for model in (parent, student))
    assert_columns_among(after, before)
    scales = [
        (1 + model.base_model.norm.weight) * model.get_output_embeddings().weight[words]
        for model in (parent, student)
    ]
    assert_columns_among(scales[1], scales[0])


def assert_columns_among(some: torch.Tensor, every: torch.Tensor) -> None:
    nearest = (some.T[:, None] - every.T).abs().amax(-1).min(1).values
    torch.testing.assert_close(nearest, torch.zeros(len(nearest)), atol=1e-4, rtol=0)


def test_special_tokens_have_the_trimmed_vocabularys_numbers(
    tiny_family: TinyFamily, tmp_path: Path
) -> None:
    kept = np.load(tiny_family.vocabulary / "vocabulary.npy")
    lost = min(set(range(len(tiny.tokenizer()))) - set(kept.tolist()))
    stays = int(kept[-1])
    parent = saved(model_of("qwen2", pad_token_id=lost, eos_token_id=stays), tmp_path / "parent")
    started(tiny_family, parent, tmp_path / "out", trim=True)
    config = read_config(tmp_path / "out")
    assert config.pad_token_id is None
    assert config.eos_token_id == len(kept) - 1


def test_a_gpt_neox_of_another_width_than_its_heads_is_refused(
    tiny_family: TinyFamily, tmp_path: Path
) -> None:
    parent = saved(model_of("gpt_neox"), tmp_path / "parent")
    with pytest.raises(DescentError, match=r"4 heads of 16 .* hidden 32.*heads: 2 and"):
        started(tiny_family, parent, tmp_path / "out", {"hidden": 32})


def test_a_model_with_parts_that_nobody_knows_how_to_cut_is_refused(
    tiny_family: TinyFamily, tmp_path: Path
) -> None:
    config = Qwen3MoeConfig(
        vocab_size=len(tiny.tokenizer()),
        **SIZES,
        **GROUPED,
        num_experts=2,
        moe_intermediate_size=32,
    )
    parent = saved(AutoModelForCausalLM.from_config(config), tmp_path / "parent")
    with pytest.raises(DescentError, match=r"qwen3_moe layer has mlp\.\S+, which cannot be cut"):
        started(tiny_family, parent, tmp_path / "out", {"layers": 2})


@pytest.mark.parametrize("kind", ["gemma2", "phi", "gpt_neox"])
def test_heads_of_every_kind_say_and_learn_the_models_own_logits(kind: str) -> None:
    model = model_of(kind)
    if kind == "gemma2":
        model.config.final_logit_softcapping = 0.5
    tokens = torch.arange(3, 103)[None]
    states = model.base_model(input_ids=tokens, use_cache=False).last_hidden_state
    said = logits(model)
    torch.testing.assert_close(Head.of(model)(states[0]), said[0])
    right = torch.nn.functional.cross_entropy(said[0, :-1], tokens[0, 1:], reduction="sum")

    learn(model, (CrossEntropy(kind="cross_entropy"),), torch.float32)
    labels = torch.cat([tokens[:, 1:], torch.tensor([[-100]])], 1)
    torch.testing.assert_close(
        model(input_ids=tokens, position_ids=torch.arange(100)[None], labels=labels), right
    )


@pytest.mark.parametrize("kind", ["llama", "qwen3", "gemma3", "phi", "gpt_neox"])
def test_a_budget_comes_to_a_shape_of_any_kind(
    kind: str, tiny_family: TinyFamily, tmp_path: Path
) -> None:
    wide = {"hidden_size": 128, "intermediate_size": 512, "num_attention_heads": 8}
    parent = saved(model_of(kind, **wide), tmp_path / "parent")
    bound = load(parent).num_parameters() // 2
    inputs = {"parent": parent, "corpus": tiny_family.corpus}
    out = tmp_path / "out"
    out.mkdir()
    settings = PruneStart(kind="prune", budget=Budget(params=bound), calibration=1)
    outcome = start(inputs, settings, out)
    assert 0.97 * bound <= load(out).num_parameters() <= bound
    assert not faults(shape_of(read_config(out)))
    assert outcome.edges[0].detail["budget"] == bound


def test_a_budget_that_no_shape_meets_is_refused(tiny_family: TinyFamily, tmp_path: Path) -> None:
    parent = saved(model_of("llama"), tmp_path / "parent")
    settings = PruneStart(kind="prune", budget=Budget(params=1000))
    with pytest.raises(DescentError, match=r"start\.budget: no shape .* The closest has"):
        start({"parent": parent, "corpus": tiny_family.corpus}, settings, tmp_path)
