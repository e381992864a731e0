import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from export.classes.runtime import Classifier, guesses, padded
from family.errors import DescentError
from tests import tiny
from tests.export.classes.conftest import LABELS


def test_runtime_starts_no_torch() -> None:
    code = "import sys, export.classes.runtime; print({'torch', 'transformers'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"


def test_rows_are_filled_up_at_the_right() -> None:
    ids, mask = padded([np.array([7, 8, 9]), np.array([5])])
    assert ids.tolist() == [[7, 8, 9], [5, 0, 0]]
    assert mask.tolist() == [[1, 1, 1], [1, 0, 0]]


def test_guesses_are_all_labels_the_likeliest_first(classifiers: dict[str, Path]) -> None:
    found = guesses(classifiers["int8"], tiny.TEXT[0])
    assert {guess.label for guess in found} == set(LABELS)
    odds = [guess.odds for guess in found]
    assert odds == sorted(odds, reverse=True)
    assert sum(odds) == pytest.approx(1)
    ids = np.array(tiny.tokenizer()(tiny.TEXT[0])["input_ids"])
    logits = Classifier(classifiers["int8"], threads=1).logits([ids])
    assert found[0].label == LABELS[logits[0].argmax()]


def test_text_longer_than_the_context_is_cut(classifiers: dict[str, Path]) -> None:
    assert guesses(classifiers["fp32"], "abc " * 400) == guesses(classifiers["fp32"], "abc " * 300)


def test_nothing_to_read_is_refused(classifiers: dict[str, Path]) -> None:
    with pytest.raises(DescentError, match="the text is empty"):
        guesses(classifiers["fp32"], "")
