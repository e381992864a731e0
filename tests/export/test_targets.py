import json
import subprocess
import sys
from pathlib import Path

import pytest
import transformers

from export.targets import faults, shape_of
from family.spec import ModelShape
from family.teacher import open as teacher

FLAGSHIP = ModelShape(
    layers=30, hidden=576, intermediate=1536, heads=9, kv_heads=3, head_dim=64, vocabulary=49152
)


def test_a_shape_that_devices_run_has_no_fault() -> None:
    assert faults(FLAGSHIP) == []


@pytest.mark.parametrize(
    ("field", "found", "said"),
    [
        ("hidden", 200, "200 is not a multiple of 32, which int4 blocks need. Use 192 or 224."),
        (
            "intermediate",
            1500,
            "1500 is not a multiple of 32, which int4 blocks need. Use 1472 or 1504.",
        ),
        (
            "head_dim",
            40,
            "40 is not a multiple of 16, which the attention kernel needs. Use 32 or 48.",
        ),
        ("head_dim", 8, "8 is not a multiple of 16, which the attention kernel needs. Use 16."),
        ("heads", 10, "10 is not a multiple of kv_heads, which is 3. Use 9 or 12."),
    ],
)
def test_a_fault_names_the_field_and_the_values_around_it(
    field: str, found: int, said: str
) -> None:
    assert [str(fault) for fault in faults(FLAGSHIP.model_copy(update={field: found}))] == [
        f"{field}: {said}"
    ]


def test_all_faults_are_told_at_once() -> None:
    shape = FLAGSHIP.model_copy(update={"hidden": 200, "head_dim": 40, "heads": 10})
    assert [fault.field for fault in faults(shape)] == ["hidden", "head_dim", "heads"]


def test_a_configuration_without_head_dim_or_kv_heads_gets_the_usual_ones() -> None:
    config = {
        "num_hidden_layers": 2,
        "hidden_size": 64,
        "intermediate_size": 96,
        "num_attention_heads": 4,
        "vocab_size": 300,
    }
    shape = shape_of(config)
    assert (shape.head_dim, shape.kv_heads, shape.tied) == (16, 4, False)


@pytest.mark.parametrize(
    "kind", ["Llama", "Mistral", "Qwen2", "Qwen3", "Gemma", "Phi3", "SmolLM3", "Olmo2"]
)
def test_a_saved_configuration_has_the_shape_that_the_teacher_sees(
    kind: str, tmp_path: Path
) -> None:
    config = getattr(transformers, f"{kind}Config")(num_hidden_layers=3)
    config.save_pretrained(tmp_path)
    saved = json.loads((tmp_path / "config.json").read_text())
    assert shape_of(saved) == teacher.shape_of(teacher.read_config(tmp_path))


def test_targets_starts_neither_torch_nor_onnx() -> None:
    heavy = "{'torch', 'transformers', 'onnx', 'onnxruntime', 'onnxruntime_genai', 'onnx_ir'}"
    code = f"import sys, export.targets; print(sorted({heavy} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
