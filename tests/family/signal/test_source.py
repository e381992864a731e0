"""A signal is of one teacher, tokenizer and corpus, and serves no other."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from family.distill.train import distill
from family.errors import DescentError
from family.signal.source import Header, refuse_other, refuse_other_tokens
from tests.family.conftest import DISTILL, TinyFamily


def test_a_signal_serves_the_teacher_and_corpus_it_was_captured_of(
    tiny_family: TinyFamily,
) -> None:
    refuse_other(
        tiny_family.signal, tiny_family.flagship, tiny_family.corpus, tiny_family.distilled
    )


def test_a_signal_of_another_teacher_is_refused(tiny_family: TinyFamily, tmp_path: Path) -> None:
    inputs = {**tiny_family.distill_inputs, "teacher": tiny_family.distilled}
    expected = "captured of another teacher and tokenizer: its teacher has digest"
    with pytest.raises(DescentError, match=expected):
        distill(inputs, DISTILL, tmp_path)


def test_a_signal_of_another_corpus_is_refused(tiny_family: TinyFamily, tmp_path: Path) -> None:
    other = shutil.copytree(tiny_family.corpus, tmp_path / "corpus")
    tokens = np.load(other / "tokens.npy")
    tokens[0, :2] = tokens[0, 1::-1]
    np.save(other / "tokens.npy", tokens)
    expected = "captured of another corpus: its corpus has digest [0-9a-f]{12}, not"
    with pytest.raises(DescentError, match=expected):
        refuse_other(tiny_family.signal, tiny_family.flagship, other, tiny_family.start)


def test_a_student_with_another_tokenizer_is_refused_and_told_what_works(
    tiny_family: TinyFamily, tmp_path: Path
) -> None:
    student = shutil.copytree(tiny_family.flagship, tmp_path / "student")
    words = json.loads((student / "tokenizer.json").read_text())
    vocabulary = words["model"]["vocab"]
    first, second = list(vocabulary)[10:12]
    vocabulary[first], vocabulary[second] = vocabulary[second], vocabulary[first]
    (student / "tokenizer.json").write_text(json.dumps(words))
    expected = "different tokenizers .2 ids mean other tokens: .* cross_entropy"
    with pytest.raises(DescentError, match=expected):
        refuse_other_tokens(tiny_family.flagship, student)


def test_a_trimmed_tokenizer_is_no_other_one(tiny_family: TinyFamily) -> None:
    refuse_other_tokens(tiny_family.flagship, tiny_family.start)
    refuse_other_tokens(tiny_family.distilled, tiny_family.flagship)


def test_a_signal_says_what_it_is(tiny_family: TinyFamily) -> None:
    header = Header.read(tiny_family.signal)
    assert header.source.codec.kind == "top_k"
    assert header.source.teacher_precision == "bf16"
    assert header.teacher_kl == 0
