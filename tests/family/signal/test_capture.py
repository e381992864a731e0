from pathlib import Path

import numpy as np
import pytest
import torch

from family.corpus import blocks
from family.signal.capture import signal
from family.signal.codec import open_signal
from family.spec import Signal, TopK
from family.teacher.held import held
from tests.family.conftest import TinyFamily


def test_rows_are_the_teachers_odds_before_each_kept_token(tiny_family: TinyFamily) -> None:
    rows = open_signal(tiny_family.signal)
    corpus = blocks.read(tiny_family.corpus, tiny_family.flagship)
    teacher = held(tiny_family.flagship, "bf16")
    block = corpus.count - 1
    with torch.inference_mode():
        hidden = teacher.model(
            input_ids=torch.from_numpy(corpus.tokens[block : block + 1]).long(),
            position_ids=torch.from_numpy(corpus.positions[block : block + 1]).long(),
            use_cache=False,
        ).last_hidden_state[0]
        odds = (hidden.float() @ teacher.get_output_embeddings().weight.float().T).log_softmax(-1)
    at = np.flatnonzero(corpus.wanted[block])
    ids, logp = rows.rows([block])
    assert ids is not None
    top = odds[at].topk(ids.shape[1])
    np.testing.assert_allclose(np.exp(logp), top.values.exp().numpy(), atol=0.004)
    assert (ids[:, 0] == top.indices[:, 0].numpy()).mean() > 0.95


def test_the_mass_outside_the_listed_tokens_is_what_is_left(tiny_family: TinyFamily) -> None:
    rows = open_signal(tiny_family.signal)
    _, logp = rows.rows(range(len(rows.offsets) - 1))
    mass = np.exp(logp).sum(1)
    assert (mass < 1 + 1e-6).all()
    kept = tiny_family.outcomes["signal"].facts["mass_kept"]
    assert kept == pytest.approx(float(mass.mean()), abs=2e-3)


def test_expected_use_adds_up_to_the_targets(tiny_family: TinyFamily) -> None:
    usage = np.load(tiny_family.signal / "usage.npy")
    targets_seen = tiny_family.outcomes["signal"].facts["targets"]
    assert usage.sum() == pytest.approx(targets_seen, rel=1e-3)


def test_a_tier_as_teacher_speaks_in_the_flagships_ids(
    tiny_family: TinyFamily, tmp_path: Path
) -> None:
    signal(
        {"teacher": tiny_family.distilled, "corpus": tiny_family.corpus},
        Signal(codec=TopK(kind="top_k", k=4)),
        tmp_path,
    )
    names = np.load(tiny_family.distilled / "vocabulary.npy")
    ids, _ = open_signal(tmp_path).rows([0])
    assert ids is not None
    assert np.isin(ids, names).all()
    usage = np.load(tmp_path / "usage.npy")
    assert usage[np.setdiff1d(np.arange(len(usage)), names)].sum() == 0
