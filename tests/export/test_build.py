import json
import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
import onnxruntime_genai as og
import pytest
import torch
from transformers import LlamaForCausalLM

from export.build import export
from export.runtime import Session
from family.errors import StageError
from family.spec import Export, Precision
from family.stage import Outcome
from tests import tiny
from tests.export.conftest import PRECISIONS, MakeModel

IDS = np.arange(3, 43)


def exported(model: Path, out: Path, precision: Precision, **settings: int) -> Outcome:
    out.mkdir(exist_ok=True)
    return export({"model": model}, Export(precision=precision, **settings), out)


def size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.iterdir())


@torch.inference_mode()
def torch_logits(model: Path) -> np.ndarray:
    llama = LlamaForCausalLM.from_pretrained(model, dtype=torch.float32)
    return llama(torch.from_numpy(IDS)[None]).logits[0].numpy()


def edited(model: Path, out: Path, **changes: object) -> Path:
    """A copy of `model` whose config.json says something else."""
    shutil.copytree(model, out)
    config = json.loads((out / "config.json").read_text()) | changes
    (out / "config.json").write_text(json.dumps(config))
    return out


# ---- what comes out ------------------------------------------------------------------------


@pytest.mark.parametrize("precision", PRECISIONS)
def test_the_folder_opens_in_onnxruntime_and_lists_standard_cache_inputs(
    exports: dict[str, Path], precision: str
) -> None:
    session = ort.InferenceSession(exports[precision] / "model.onnx")
    shapes = {given.name: given.shape for given in session.get_inputs()}
    for name in ("past_key_values.0.key", "past_key_values.1.value"):
        assert shapes[name] == ["batch_size", 2, "past_sequence_length", 16]
    assert session.get_outputs()[0].name == "logits"


@pytest.mark.parametrize("precision", PRECISIONS)
def test_the_folder_opens_in_onnxruntime_genai_which_reads_text_as_the_model_does(
    exports: dict[str, Path], precision: str
) -> None:
    theirs = og.Tokenizer(og.Model(str(exports[precision])))
    messages = [{"role": "user", "content": "Où is the 🍞 in\nthe river?"}]
    text = theirs.apply_chat_template(json.dumps(messages), add_generation_prompt=True)
    expected = tiny.tokenizer().apply_chat_template(
        messages, add_generation_prompt=True, return_dict=False
    )
    assert theirs.encode(text).tolist() == expected


def test_the_folder_holds_all_that_clients_read(make_model: MakeModel, tmp_path: Path) -> None:
    model = make_model()
    np.save(model / "vocabulary.npy", np.arange(len(tiny.tokenizer()), dtype=np.int32))
    exported(model, tmp_path / "out", "int4")
    assert {path.name for path in (tmp_path / "out").iterdir()} == {
        "model.onnx",
        "model.onnx.data",
        "genai_config.json",
        "tokenizer.json",
        "tokenizer_config.json",
        "chat_template.jinja",
        "config.json",
        "generation_config.json",
        "vocabulary.npy",
    }


@pytest.mark.parametrize("tied", [True, False])
@pytest.mark.parametrize(
    "shape",
    [
        {},
        {"num_attention_heads": 9, "num_key_value_heads": 3, "head_dim": 32, "hidden_size": 288},
        {"num_attention_heads": 3, "num_key_value_heads": 3, "hidden_size": 96},
    ],
    ids=["4 heads over 2", "9 heads over 3", "3 narrow heads"],
)
def test_fp32_repeats_pytorch(
    make_model: MakeModel, tmp_path: Path, shape: dict[str, int], tied: bool
) -> None:
    model = make_model(tie_word_embeddings=tied, **shape)
    exported(model, tmp_path / "out", "fp32")
    assert np.abs(Session(tmp_path / "out").logits(IDS) - torch_logits(model)).max() <= 1e-4


@pytest.mark.parametrize("tied", [True, False])
@pytest.mark.parametrize("block_size", [32, 128])
@pytest.mark.parametrize(("precision", "loss"), [("int8", 0.03), ("int4", 0.5)])
def test_quantized_logits_stay_near(
    make_model: MakeModel,
    tmp_path: Path,
    precision: Precision,
    loss: float,
    block_size: int,
    tied: bool,
) -> None:
    """Blocks of 128 are wider than the model's rows of 64, so that they are padded."""
    model = make_model(tie_word_embeddings=tied)
    exported(model, tmp_path / "out", precision, block_size=block_size, accuracy_level=1)
    expected = torch_logits(model)
    error = Session(tmp_path / "out").logits(IDS) - expected
    assert np.square(error).mean() ** 0.5 <= loss * expected.std()


@pytest.mark.parametrize(("precision", "bits"), [("int8", 8), ("int4", 4)])
def test_block_size_and_accuracy_level_reach_every_matrix(
    model: Path, tmp_path: Path, precision: Precision, bits: int
) -> None:
    exported(model, tmp_path / "out", precision, block_size=64, accuracy_level=1)
    graph = onnx.load(tmp_path / "out" / "model.onnx", load_external_data=False).graph
    found = [
        {one.name: one.i for one in node.attribute}
        for node in graph.node
        if node.op_type == "MatMulNBits"
    ]
    assert len(found) == 2 * 5 + 1
    assert {(one["bits"], one["block_size"], one["accuracy_level"]) for one in found} == {
        (bits, 64, 1)
    }
    assert not any(node.op_type == "MatMul" for node in graph.node)


@pytest.mark.parametrize("precision", PRECISIONS)
def test_a_tied_embedding_is_stored_once(exports: dict[str, Path], precision: str) -> None:
    graph = onnx.load(exports[precision] / "model.onnx", load_external_data=False).graph
    vocabulary = len(tiny.tokenizer())
    tables = [one.name for one in graph.initializer if vocabulary in one.dims]
    assert tables in (
        ["lm_head.MatMul.weight"],
        ["lm_head.MatMul.weight_Q8", "lm_head.MatMul.weight_scales"],
        ["lm_head.MatMul.weight_Q4", "lm_head.MatMul.weight_scales"],
    )


def test_a_family_s_smallest_tier_shrinks_to_a_sixth_in_int4(tmp_path: Path) -> None:
    """15M parameters, 6k tokens, 1,024 positions: the shape of the quickstart's edge."""
    model = tmp_path / "model"
    shape = {
        "hidden_size": 512,
        "intermediate_size": 1376,
        "num_attention_heads": 8,
        "num_key_value_heads": 4,
        "head_dim": 64,
        "max_position_embeddings": 1024,
    }
    LlamaForCausalLM(tiny.config(6016, **shape)).save_pretrained(model)
    tiny.tokenizer().save_pretrained(model)
    sizes = {}
    for precision in PRECISIONS:
        outcome = exported(model, tmp_path / precision, precision)
        assert outcome.model
        assert 14e6 < outcome.model.parameters < 16e6
        # The test's own tokenizer is smaller than one of 6k tokens, which takes 0.2 MB.
        sizes[precision] = size(tmp_path / precision) + 200_000
    assert sizes["int4"] <= 0.17 * sizes["fp32"]
    assert sizes["int8"] <= 0.30 * sizes["fp32"]
    assert sizes["fp32"] <= 4.1 * 15e6


def test_the_outcome_says_what_was_made_from_what(model: Path, tmp_path: Path) -> None:
    fp32 = exported(model, tmp_path / "fp32", "fp32")
    int4 = exported(model, tmp_path / "int4", "int4", block_size=64)
    assert [edge.kind for edge in fp32.edges] == ["exported_from"]
    assert [edge.kind for edge in int4.edges] == ["quantized_from"]
    assert int4.edges[0].parent == "model"
    assert int4.edges[0].detail == {"precision": "int4", "block_size": 64, "accuracy_level": 4}
    assert int4.model
    weights = LlamaForCausalLM.from_pretrained(model).parameters()
    assert int4.model.parameters == sum(weight.numel() for weight in weights)
    assert (int4.model.architecture, int4.model.precision) == ("llama", "int4")
    assert int4.model.shape["kv_heads"] == 2


def test_the_same_model_gives_the_same_bytes(
    model: Path, exports: dict[str, Path], tmp_path: Path
) -> None:
    exported(model, tmp_path / "again", "int8")
    for path in exports["int8"].iterdir():
        assert path.read_bytes() == (tmp_path / "again" / path.name).read_bytes(), path.name


# ---- what is refused -----------------------------------------------------------------------


def test_a_shape_that_cannot_run_is_refused_with_every_fix(model: Path, tmp_path: Path) -> None:
    broken = edited(model, tmp_path / "broken", head_dim=24, intermediate_size=100)
    with pytest.raises(StageError, match=r"head_dim: 24 .* Use 16 or 32\.") as refused:
        exported(broken, tmp_path / "out", "int4")
    assert "intermediate: 100 is not a multiple of 32" in str(refused.value)


def test_a_bitsandbytes_checkpoint_is_refused(model: Path, tmp_path: Path) -> None:
    quantized = edited(model, tmp_path / "q", quantization_config={"quant_method": "bitsandbytes"})
    with pytest.raises(StageError, match=r"quantized \(bitsandbytes\).*dequantize"):
        exported(quantized, tmp_path / "out", "int4")


def test_pickled_weights_are_refused(model: Path, tmp_path: Path) -> None:
    unsafe = edited(model, tmp_path / "unsafe")
    (unsafe / "model.safetensors").rename(unsafe / "pytorch_model.bin")
    with pytest.raises(StageError, match=r"only safetensors .*pytorch_model\.bin"):
        exported(unsafe, tmp_path / "out", "fp32")


def test_a_folder_that_is_not_there_is_refused_before_anything_is_asked(tmp_path: Path) -> None:
    with pytest.raises(StageError, match=r"there is no config\.json here"):
        exported(tmp_path / "nowhere", tmp_path / "out", "fp32")


def test_a_model_without_a_tokenizer_is_refused(model: Path, tmp_path: Path) -> None:
    mute = edited(model, tmp_path / "mute")
    (mute / "tokenizer.json").unlink()
    with pytest.raises(StageError, match=r"tokenizer\.json is missing"):
        exported(mute, tmp_path / "out", "fp32")


# ---- manners -------------------------------------------------------------------------------


def test_nothing_is_printed_and_no_connection_is_opened(
    model: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("a connection was opened")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    exported(model, tmp_path / "out", "int4")
    assert capfd.readouterr().out == ""


def test_onnxruntime_leaves_no_telemetry(exports: dict[str, Path], tmp_path: Path) -> None:
    """Its telemetry opens with a device id in the user's cache folder."""
    code = "import sys; from export.runtime import *; list(stream(Path(sys.argv[1]), 'Go', 2))"
    kept = {"PATH", "PYTHONPATH", "LD_LIBRARY_PATH"}
    subprocess.run(
        [sys.executable, "-c", code, str(exports["int4"])],
        check=True,
        env={name: value for name, value in os.environ.items() if name in kept}
        | {"HOME": str(tmp_path)},
    )
    assert list(tmp_path.rglob("*")) == []
