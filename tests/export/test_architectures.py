"""Every architecture that a family may be exported from: its files answer as it does."""

import re
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import AutoConfig, AutoModelForCausalLM, AutoModelForSequenceClassification
from transformers.models.auto.modeling_auto import (
    MODEL_FOR_CAUSAL_LM_MAPPING_NAMES,
    MODEL_FOR_SEQUENCE_CLASSIFICATION_MAPPING_NAMES,
)

from export.build import export
from export.classes.checkpoint import Checkpoint
from export.classes.runtime import Classifier
from export.runtime import Session
from family.errors import StageError
from family.spec import EXPORTED, Export
from tests import tiny

IDS = np.arange(3, 43)
CLASSIFYING = [name for name in EXPORTED if name in MODEL_FOR_SEQUENCE_CLASSIFICATION_MAPPING_NAMES]


def exported(auto: type, kind: str, folder: Path, **changes: int) -> Path:
    """The file of a tiny random model, in `folder`/file; the model itself in `folder`/model."""
    words = tiny.tokenizer()
    sizes = {**tiny.config(len(words), num_hidden_layers=2).to_dict(), **changes}
    named = ("architectures", "model_type", "rope_parameters", "hidden_act", "transformers_version")
    sizes = {name: value for name, value in sizes.items() if name not in named}
    if kind == "phi3":
        sizes["original_max_position_embeddings"] = sizes["max_position_embeddings"]
    torch.manual_seed(0)
    model = auto.from_config(AutoConfig.for_model(kind, **sizes), dtype=torch.float32)
    model.save_pretrained(folder / "model")
    words.save_pretrained(folder / "model")
    (folder / "file").mkdir()
    export({"model": folder / "model"}, Export(precision="fp32"), folder / "file")
    return folder / "file"


@pytest.mark.parametrize("kind", EXPORTED)
def test_a_decoder_s_file_gives_its_logits(kind: str, tmp_path: Path) -> None:
    file = exported(AutoModelForCausalLM, kind, tmp_path)
    model = AutoModelForCausalLM.from_pretrained(tmp_path / "model", dtype=torch.float32)
    with torch.inference_mode():
        expected = model(torch.from_numpy(IDS)[None]).logits[0].numpy()
    np.testing.assert_allclose(Session(file).logits(IDS), expected, atol=1e-5)


@pytest.mark.parametrize("kind", CLASSIFYING)
def test_a_classifier_s_file_gives_its_logits(kind: str, tmp_path: Path) -> None:
    file = exported(AutoModelForSequenceClassification, kind, tmp_path, num_labels=3)
    rows = [IDS, IDS[:7]]
    expected = Checkpoint(tmp_path / "model", torch.float32).logits(rows)
    np.testing.assert_allclose(Classifier(file).logits(rows), expected, atol=1e-5)


def test_the_model_builder_knows_every_architecture_that_is_exported() -> None:
    package = find_spec("onnxruntime_genai")
    assert package
    assert package.origin
    source = (Path(package.origin).parent / "models" / "builder.py").read_text()
    known = set(re.findall(r'architectures\[0\] == "(\w+)"', source))
    assert {MODEL_FOR_CAUSAL_LM_MAPPING_NAMES[name] for name in EXPORTED} <= known


def test_another_architecture_is_refused_with_those_that_are_not(tmp_path: Path) -> None:
    with pytest.raises(StageError, match=r"model_type: olmo cannot be exported\. Use one of ernie"):
        exported(AutoModelForCausalLM, "olmo", tmp_path)
