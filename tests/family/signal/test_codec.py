"""What each codec keeps of a teacher's odds, and what reading it gives back."""

from pathlib import Path

import numpy as np
import pytest
import torch
from pydantic import TypeAdapter, ValidationError

from family.signal import sampled, top_k
from family.signal.capture import signal
from family.signal.codec import encode, open_signal
from family.signal.ids import packed, unpacked
from family.spec import Codec, Dense, Sampled, Signal, TopK
from tests.family.conftest import TinyFamily

ALL: list[Codec] = [
    Dense(kind="dense"),
    TopK(kind="top_k", k=8),
    Sampled(kind="sampled", draws=16),
    Sampled(kind="sampled", draws=16, power=0.7),
]


def odds(rows: int = 50, vocabulary: int = 300, spread: float = 3.0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(rows, vocabulary, generator=generator) * spread
    return logits.log_softmax(-1)


def captured(family: TinyFamily, codec: Codec, out: Path, teacher: Path | None = None) -> Path:
    out.mkdir()
    inputs = {"teacher": teacher or family.flagship, "corpus": family.corpus}
    signal(inputs, Signal(codec=codec), out)
    return out


@pytest.mark.parametrize("codec", ALL, ids=lambda codec: codec.kind)
def test_rows_are_found_by_the_number_of_their_block(
    tiny_family: TinyFamily, tmp_path: Path, codec: Codec
) -> None:
    rows = open_signal(captured(tiny_family, codec, tmp_path / "signal"))
    sizes = np.diff(rows.offsets)
    _, both = rows.rows([2, 0])
    _, second = rows.rows([0])
    assert len(both) == sizes[2] + sizes[0]
    np.testing.assert_array_equal(both[sizes[2] :], second)


@pytest.mark.parametrize("codec", ALL, ids=lambda codec: codec.kind)
def test_a_smaller_teacher_speaks_in_the_flagships_ids(
    tiny_family: TinyFamily, tmp_path: Path, codec: Codec
) -> None:
    teacher = tiny_family.distilled
    names = np.load(teacher / "vocabulary.npy")
    rows = open_signal(captured(tiny_family, codec, tmp_path / "signal", teacher))
    ids, logp = rows.rows([0])
    if ids is None:
        said = np.flatnonzero(np.isfinite(logp).all(0))
        np.testing.assert_array_equal(said, names)
        return
    assert np.isin(ids[np.isfinite(logp)], names).all()


def test_eight_bits_of_a_probability_cost_next_to_no_kl() -> None:
    for spread in (0.5, 3.0, 8.0):
        exact = odds(spread=spread)
        kept = top_k.encode(exact, TopK(kind="top_k", k=20))
        decoded = torch.from_numpy(top_k.decode(kept["shares"])).double().exp()
        p = exact.double().exp().gather(-1, torch.from_numpy(kept["ids"]))
        q = decoded.clamp(min=1e-30)
        tail_p, tail_q = (1 - p.sum(-1)).clamp(min=1e-12), (1 - q.sum(-1)).clamp(min=1e-12)
        kl = (p * (p / q).log()).sum(-1) + tail_p * (tail_p / tail_q).log()
        assert kl.mean() < 20 * 1e-5


def test_a_teacher_that_is_sure_keeps_a_tail() -> None:
    sure = torch.tensor([[0.0, -9.0, -9.0, -9.0]]).log_softmax(-1)
    logp = top_k.decode(top_k.encode(sure, TopK(kind="top_k", k=2))["shares"])
    tail = 1 - np.exp(logp.astype(np.float64)).sum()
    assert tail == pytest.approx(2 * np.exp(-9.0), rel=0.1)


@pytest.mark.parametrize("power", [1.0, 0.7])
def test_what_is_drawn_is_right_on_average(power: float) -> None:
    exact = odds(rows=1)
    codec = Sampled(kind="sampled", draws=8, power=power)
    total = np.zeros(exact.shape[1])
    count = 4000
    for row in range(count):
        kept = sampled.encode(exact, codec, row)
        share = kept["weights"].astype(np.float64)
        total[kept["ids"]] += share / share.sum()
    # Weights that are made to add up to 1 are right in the limit of many draws only.
    near = 0.01 if power == 1 else 0.05
    np.testing.assert_allclose(total / count, exact.exp()[0].numpy(), atol=near)


def test_the_draws_of_a_row_depend_on_its_number_alone() -> None:
    exact = odds(rows=6)
    codec = Sampled(kind="sampled", draws=16)
    together, alone = sampled.encode(exact, codec, 10), sampled.encode(exact[4:], codec, 14)
    cut = together["different"][:4].sum()
    for name in ("ids", "weights"):
        np.testing.assert_array_equal(together[name][cut:], alone[name])
    other = sampled.encode(exact, codec, 11)
    assert not np.array_equal(together["ids"], other["ids"])


def test_what_is_drawn_adds_up_to_one(tiny_family: TinyFamily, tmp_path: Path) -> None:
    rows = open_signal(captured(tiny_family, ALL[2], tmp_path / "signal"))
    _, logp = rows.rows(range(len(rows.offsets) - 1))
    np.testing.assert_allclose(np.exp(logp).sum(1), 1, rtol=1e-5)


@pytest.mark.parametrize("vocabulary", [400, 65_536, 65_537, 262_144])
def test_ids_come_back_whole(vocabulary: int) -> None:
    ids = np.array([[0, 1], [vocabulary // 2, vocabulary - 1]])
    kept = packed(ids, vocabulary)
    assert sum(part.itemsize for part in kept.values()) == (2 if vocabulary <= 65_536 else 3)
    np.testing.assert_array_equal(unpacked(kept["ids"], kept.get("ids_high")), ids)


def test_a_large_vocabulary_takes_a_byte_more_for_each_id() -> None:
    names = np.arange(70_000, 70_300, dtype=np.int32)
    kept = encode(odds(), TopK(kind="top_k", k=4), 0, names, 70_300)
    assert sum(part.nbytes for part in kept.values()) == 50 * 4 * 4
    assert unpacked(kept["ids"], kept["ids_high"]).min() >= 70_000


@pytest.mark.parametrize("codec", ALL[:3], ids=lambda codec: codec.kind)
def test_the_planned_bytes_are_about_the_stored_ones(
    tiny_family: TinyFamily, tmp_path: Path, codec: Codec
) -> None:
    inputs = {"teacher": tiny_family.flagship, "corpus": tiny_family.corpus}
    facts = signal(inputs, Signal(codec=codec), tmp_path).facts
    vocabulary = len(np.load(tmp_path / "usage.npy"))
    near = 0.6 if codec.kind == "sampled" else 0
    assert facts["bytes_per_target"] == pytest.approx(codec.row_bytes(vocabulary), rel=near)


def test_a_codec_nobody_knows_is_refused() -> None:
    with pytest.raises(ValidationError, match="does not match any of the expected tags"):
        TypeAdapter(Codec).validate_python({"kind": "zip"})
