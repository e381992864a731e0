"""Students learn from a signal in any codec."""

import json
from pathlib import Path

import pytest

from family.distill.train import distill
from family.signal.capture import signal
from family.spec import Codec, Dense, Sampled, Signal
from tests.family.conftest import DISTILL, TinyFamily


@pytest.mark.parametrize(
    "codec",
    [Dense(kind="dense"), Sampled(kind="sampled", draws=64)],
    ids=lambda codec: codec.kind,
)
def test_a_student_learns_from_any_codec(
    tiny_family: TinyFamily, tmp_path: Path, codec: Codec
) -> None:
    heard, out = tmp_path / "signal", tmp_path / "student"
    heard.mkdir()
    out.mkdir()
    inputs = {"teacher": tiny_family.flagship, "corpus": tiny_family.corpus}
    signal(inputs, Signal(codec=codec), heard)
    distill({**tiny_family.distill_inputs, "signal": heard}, DISTILL, out)

    losses = [json.loads(line)["loss"] for line in (out / "history.jsonl").open()]
    assert losses[-1] < 0.5 * losses[0]
