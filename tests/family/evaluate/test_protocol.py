import json
from pathlib import Path

import numpy as np
import pytest

from family.evaluate.protocol import Protocol, answer_nats, divergence, held_out, log_softmax
from tests import tiny

RNG = np.random.default_rng(0)


def corpus(folder: Path, *answers: str) -> Path:
    folder.mkdir(exist_ok=True)
    rows = [{"prompt": "p", "context": "What? ", "answer": answer} for answer in answers]
    (folder / "held_out.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return folder


def protocol(folder: Path, resamples: int = 500) -> Protocol:
    return Protocol(folder, resamples, "model")


def test_log_softmax_adds_up_to_one_whatever_the_size_of_logits() -> None:
    odds = np.exp(log_softmax(np.array([[1000.0, 999.0], [-5.0, 3.0]], np.float32)))
    np.testing.assert_allclose(odds.sum(-1), 1, rtol=1e-6)
    np.testing.assert_allclose(odds[0, 0], 1 / (1 + np.exp(-1)), rtol=1e-6)


def test_divergence_of_two_coins_has_its_known_value() -> None:
    p, q = np.log([[0.75, 0.25]]), np.log([[0.5, 0.5]])
    expected = 0.75 * np.log(1.5) + 0.25 * np.log(0.5)
    np.testing.assert_allclose(divergence(p, q), [expected])
    np.testing.assert_allclose(divergence(p, p), [0], atol=1e-12)


@pytest.mark.parametrize("answer", ["plain words", "naïve café", "🦁 lion 🦁<|end|>"])
def test_the_ends_of_tokens_count_bytes_and_the_last_is_all(tmp_path: Path, answer: str) -> None:
    model = tmp_path / "model"
    model.mkdir()
    tiny.tokenizer().save_pretrained(model)
    (read,) = held_out(corpus(tmp_path / "corpus", answer), model)
    assert read.bytes == len(answer.encode())
    assert len(read.ends) == len(read.ids) - read.start
    assert (np.diff(read.ends) >= 0).all()


def test_the_nats_of_an_answer_are_those_of_its_tokens(tmp_path: Path) -> None:
    model = tmp_path / "model"
    model.mkdir()
    tiny.tokenizer().save_pretrained(model)
    (read,) = held_out(corpus(tmp_path / "corpus", "The lion"), model)
    logits = np.zeros((len(read.ends), 400), np.float32)
    assert answer_nats(logits, read) == pytest.approx(len(read.ends) * np.log(400), rel=1e-5)


def test_a_figure_is_a_ratio_of_sums_with_an_interval_over_conversations(tmp_path: Path) -> None:
    sums, counts = [1.0, 2.0, 6.0], [10, 10, 20]
    found = protocol(corpus(tmp_path / "c", "x")).metric("kl", sums, counts, "tokens")
    assert found.value == pytest.approx(9 / 40)
    assert found.n == 40
    assert found.low == pytest.approx(0.1, abs=0.02)
    assert found.high == pytest.approx(0.3, abs=0.02)


def test_the_interval_covers_the_truth_about_as_often_as_it_says(tmp_path: Path) -> None:
    judge = protocol(corpus(tmp_path / "c", "x"), resamples=300)
    covered = 0
    for _ in range(200):
        values = RNG.normal(1.0, 0.5, 40)
        found = judge.metric("kl", values.tolist(), [1] * 40, "tokens")
        assert found.low is not None
        assert found.high is not None
        covered += found.low <= 1.0 <= found.high
    assert 0.88 <= covered / 200 <= 0.99


def test_figures_of_another_text_or_reference_have_another_protocol(tmp_path: Path) -> None:
    one = protocol(corpus(tmp_path / "one", "a"))
    other = protocol(corpus(tmp_path / "other", "b"))
    assert one.digest("kl", reference="x") == one.digest("kl", reference="x")
    assert one.digest("kl", reference="x") != one.digest("kl", reference="y")
    assert one.digest("kl") != one.digest("agreement")
    assert one.digest("kl") != other.digest("kl")
