"""A tiny real classifier, what is exported from it, and rows to label."""

import json
from pathlib import Path

import numpy as np
import pytest

from export.build import export
from family.spec import Export
from tests import tiny
from tests.export.conftest import PRECISIONS

LABELS = ("lion", "owl", "whale", "none", "all")
ROWS = ["The lion eats meat.", "Où ça?", "whale", *tiny.TEXT, "sings long songs 😀", "in a tree"]


@pytest.fixture(scope="session")
def classifier(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny.classifier_folder(tmp_path_factory.mktemp("classifier"), LABELS)


@pytest.fixture(scope="session")
def classifiers(classifier: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The tiny classifier at every precision."""
    folders = {}
    for precision in PRECISIONS:
        folders[precision] = tmp_path_factory.mktemp(precision)
        export({"model": classifier}, Export(precision=precision), folders[precision])
    return folders


@pytest.fixture(scope="session")
def labelled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A corpus artifact with held-out rows; of the last, no one knows the label."""
    folder = tmp_path_factory.mktemp("labelled")
    (folder / "labels.json").write_text(json.dumps(LABELS))
    chosen = np.random.default_rng(0).choice(LABELS[:3], len(ROWS)).tolist()
    rows = [{"text": text, "label": label} for text, label in zip(ROWS, chosen, strict=True)]
    rows[-1]["label"] = None
    (folder / "held_out.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return folder
