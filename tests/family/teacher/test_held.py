"""A teacher in fewer bits: what it says then, and what of that is recorded."""

from pathlib import Path

import pytest

from family.corpus import blocks
from family.distill.train import distill
from family.errors import DescentError
from family.signal.capture import kl_to_bf16, signal
from family.signal.source import Header
from family.spec import Signal
from family.teacher.held import held
from tests import tiny
from tests.family.conftest import DISTILL, TinyFamily


def test_what_fewer_bits_change_is_measured_and_stands_on_the_students_line(
    tiny_family: TinyFamily, tmp_path: Path
) -> None:
    inputs = {"teacher": tiny_family.flagship, "corpus": tiny_family.corpus}
    out = tmp_path / "signal"
    out.mkdir()
    kl = signal(inputs, Signal(teacher_precision="int8"), out).facts["teacher_kl"]
    assert isinstance(kl, float)
    assert 0 < kl < 0.01
    assert Header.read(out).teacher_kl == kl

    (tmp_path / "student").mkdir()
    taught = DISTILL.model_copy(update={"tokens": 500})
    outcome = distill({**tiny_family.distill_inputs, "signal": out}, taught, tmp_path / "student")
    (edge,) = [edge for edge in outcome.edges if edge.kind == "distilled_from"]
    assert edge.detail["teacher_precision"] == "int8"
    assert edge.detail["teacher_kl"] == kl


def test_four_bits_change_more_than_eight(tiny_family: TinyFamily, tmp_path: Path) -> None:
    teacher = tiny.model_folder(tmp_path, steps=20, intermediate_size=128)
    corpus = blocks.read(tiny_family.corpus, teacher)
    assert kl_to_bf16(teacher, "bf16", corpus) == 0
    assert kl_to_bf16(teacher, "int8", corpus) < kl_to_bf16(teacher, "nf4", corpus)


def test_a_width_that_four_bits_cannot_cut_is_refused(tiny_family: TinyFamily) -> None:
    with pytest.raises(DescentError, match=r"intermediate_size 96 cannot be cut into\. Use int8"):
        held(tiny_family.flagship, "nf4")
