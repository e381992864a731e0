"""A tiny real llama, and what is exported from it."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from export.build import export
from family.spec import Export, Precision
from tests import tiny

PRECISIONS: tuple[Precision, ...] = ("fp32", "int8", "int4")

MakeModel = Callable[..., Path]


@pytest.fixture(scope="session")
def make_model(tmp_path_factory: pytest.TempPathFactory) -> MakeModel:
    """Write a Hugging Face folder; arguments change the tiny llama's configuration."""

    def make(**changes: int | bool) -> Path:
        return tiny.model_folder(
            tmp_path_factory.mktemp("model"), **{"num_hidden_layers": 2, **changes}
        )

    return make


@pytest.fixture(scope="session")
def model(make_model: MakeModel) -> Path:
    return make_model()


@pytest.fixture(scope="session")
def exports(model: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The tiny llama at every precision."""
    folders = {}
    for precision in PRECISIONS:
        folders[precision] = tmp_path_factory.mktemp(precision)
        export({"model": model}, Export(precision=precision), folders[precision])
    return folders


@pytest.fixture(scope="session")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A corpus artifact with a few held-out conversations."""
    folder = tmp_path_factory.mktemp("corpus")
    rows = [
        {
            "prompt": prompt,
            "context": f"<|start|>user\n{prompt}<|end|>\n<|start|>assistant\n",
            "answer": f"{answer}<|end|>",
        }
        for prompt in ("Tell me more.", "Say it in French: où ça?", "Go on 😀")
        for answer in tiny.TEXT[:3]
    ]
    (folder / "held_out.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return folder
