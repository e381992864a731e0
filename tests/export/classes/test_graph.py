import json
import shutil
from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
import pytest
import torch
from transformers import AutoConfig, AutoModelForSequenceClassification, AutoTokenizer

from export.build import export
from family.errors import StageError
from family.spec import Export, Precision
from tests import tiny
from tests.export.classes.conftest import LABELS, ROWS
from tests.export.conftest import PRECISIONS


@torch.inference_mode()
def torch_logits(model: Path) -> np.ndarray:
    """Logits of every row as transformers gives them, in one padded batch."""
    words = AutoTokenizer.from_pretrained(model, padding_side="right")
    batch = words(ROWS, padding=True, return_tensors="pt")
    llama = AutoModelForSequenceClassification.from_pretrained(model, dtype=torch.float32)
    return llama(
        input_ids=batch["input_ids"], attention_mask=batch["attention_mask"]
    ).logits.numpy()


def onnx_logits(folder: Path, **options: object) -> np.ndarray:
    """The same from an exported folder, read with the tokenizer that lies in it."""
    words = AutoTokenizer.from_pretrained(folder)
    batch = words(ROWS, padding=True, return_tensors="np", **options)
    session = ort.InferenceSession(folder / "model.onnx")
    feed = {name: batch[name].astype(np.int64) for name in ("input_ids", "attention_mask")}
    return session.run(["logits"], feed)[0]


def test_fp32_is_the_checkpoint_in_a_padded_batch(
    classifier: Path, classifiers: dict[str, Path]
) -> None:
    np.testing.assert_allclose(
        onnx_logits(classifiers["fp32"]), torch_logits(classifier), atol=1e-5
    )


@pytest.mark.parametrize("precision", PRECISIONS)
def test_padding_changes_no_row(classifiers: dict[str, Path], precision: str) -> None:
    folder = classifiers[precision]
    np.testing.assert_allclose(
        onnx_logits(folder, pad_to_multiple_of=64), onnx_logits(folder), atol=1e-5
    )


def test_fewer_bits_lie_further_from_the_checkpoint_and_are_smaller(
    classifier: Path, classifiers: dict[str, Path]
) -> None:
    expected = torch_logits(classifier)
    errors = [np.abs(onnx_logits(classifiers[name]) - expected).mean() for name in PRECISIONS]
    assert errors[0] < errors[1] < errors[2] < 0.5 * expected.std()
    sizes = [(classifiers[name] / "model.onnx.data").stat().st_size for name in PRECISIONS]
    assert sizes[0] > sizes[1] > sizes[2]


@pytest.mark.parametrize("precision", PRECISIONS)
def test_the_file_asks_for_ids_and_mask_of_any_size_alone(
    classifiers: dict[str, Path], precision: str
) -> None:
    session = ort.InferenceSession(classifiers[precision] / "model.onnx")
    anyhow = ["batch_size", "sequence_length"]
    assert {given.name: given.shape for given in session.get_inputs()} == {
        "input_ids": anyhow,
        "attention_mask": anyhow,
    }
    (logits,) = session.get_outputs()
    assert (logits.name, logits.shape) == ("logits", ["batch_size", len(LABELS)])
    model = onnx.load(classifiers[precision] / "model.onnx", load_external_data=False)
    assert {one.domain: one.version for one in model.opset_import} == {"": 22, "com.microsoft": 1}


@pytest.mark.parametrize(("precision", "bits"), [("int8", 8), ("int4", 4)])
def test_the_table_of_embeddings_is_quantized_and_stored_once(
    classifiers: dict[str, Path], precision: str, bits: int
) -> None:
    graph = onnx.load(classifiers[precision] / "model.onnx", load_external_data=False).graph
    (lookup,) = (node for node in graph.node if node.op_type == "GatherBlockQuantized")
    assert onnx.helper.get_node_attr_value(lookup, "bits") == bits
    vocabulary = len(tiny.tokenizer())
    tables = [held for held in graph.initializer if held.dims and held.dims[0] == vocabulary]
    assert {onnx.TensorProto.DataType.Name(held.data_type) for held in tables} == {"UINT8", "FLOAT"}
    assert len(tables) == 2, "codes and scales"


def test_the_folder_holds_what_clients_read(classifier: Path, classifiers: dict[str, Path]) -> None:
    folder = classifiers["int8"]
    assert {path.name for path in folder.iterdir()} == {
        "chat_template.jinja",
        "config.json",
        "model.onnx",
        "model.onnx.data",
        "tokenizer.json",
        "tokenizer_config.json",
    }
    assert AutoConfig.from_pretrained(folder).id2label == dict(enumerate(LABELS))
    assert AutoTokenizer.from_pretrained(folder).padding_side == "right"
    assert json.loads((classifier / "config.json").read_text())["model_type"] == "llama"


def test_weights_are_counted_with_the_labels_head(classifier: Path, tmp_path: Path) -> None:
    outcome = export({"model": classifier}, Export(precision="int8"), tmp_path)
    assert outcome.model
    llama = AutoModelForSequenceClassification.from_pretrained(classifier)
    assert outcome.model.parameters == llama.num_parameters()
    (edge,) = outcome.edges
    assert edge.kind == "quantized_from"


@pytest.mark.parametrize("precision", PRECISIONS)
def test_a_trimmed_and_pruned_classifier_is_exported(tmp_path: Path, precision: Precision) -> None:
    shape = {"hidden_size": 96, "num_attention_heads": 3, "num_key_value_heads": 1}
    model = tiny.classifier_folder(tmp_path / "model", LABELS, **shape, tie_word_embeddings=False)
    (tmp_path / "out").mkdir()
    export({"model": model}, Export(precision=precision), tmp_path / "out")
    error = np.abs(onnx_logits(tmp_path / "out") - torch_logits(model)).mean()
    assert error < {"fp32": 1e-5, "int8": 0.1, "int4": 1}[precision]


def test_a_classifier_without_a_head_is_refused(classifier: Path, tmp_path: Path) -> None:
    decoder = tiny.model_folder(tmp_path / "decoder", num_hidden_layers=2)
    shutil.copyfile(classifier / "config.json", decoder / "config.json")
    with pytest.raises(StageError, match=r"weights: there is no `score.weight`"):
        export({"model": decoder}, Export(precision="fp32"), tmp_path)
