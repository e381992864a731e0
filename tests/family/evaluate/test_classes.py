import json
from pathlib import Path

import numpy as np
import pytest
from tokenizers.processors import TemplateProcessing

from family.evaluate.classes import (
    UNKNOWN,
    Reader,
    Row,
    accuracy,
    accuracy_drop,
    held_out,
    labels,
    likeness,
    retention,
)
from family.evaluate.protocol import Protocol
from family.stage import Metric
from tests import tiny

NAMES = ["balance", "transfer", "weather"]
TEXT = ["What is left?", "Send it to Mia.", "Will it rain?", "Où ça?"]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("model")
    tiny.tokenizer().save_pretrained(folder)
    (folder / "config.json").write_text(json.dumps({"max_position_embeddings": 12}))
    return folder


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    (tmp_path / "labels.json").write_text(json.dumps(NAMES))
    rows = zip(TEXT, [*NAMES, None], strict=True)
    lines = (json.dumps({"text": text, "label": label}) + "\n" for text, label in rows)
    (tmp_path / "held_out.jsonl").write_text("".join(lines))
    return tmp_path


def by_name(*found: Metric) -> dict[str, Metric]:
    return {metric.name: metric for metric in found}


def rows(*known: int) -> list[Row]:
    return [Row(np.array([1]), label) for label in known]


def says(*chosen: int) -> np.ndarray:
    """Logits of a model that says these labels."""
    return np.eye(3, dtype=np.float32)[list(chosen)] * 5


def test_rows_are_read_with_the_models_own_tokenizer(corpus: Path, model: Path) -> None:
    found = held_out(corpus, model)
    assert [row.label for row in found] == [0, 1, 2, UNKNOWN]
    assert found[0].ids.tolist() == tiny.tokenizer()(TEXT[0])["input_ids"]
    assert labels(corpus) == NAMES


def test_what_the_context_does_not_hold_is_cut_at_the_end(model: Path) -> None:
    reader = Reader(model)
    whole = tiny.tokenizer()("abc " * 20)["input_ids"]
    assert reader.read("abc " * 20).tolist() == whole[:12]
    assert len(whole) > 12


def test_special_tokens_stand_where_the_tokenizer_puts_them(model: Path, tmp_path: Path) -> None:
    words = tiny.tokenizer()
    words.backend_tokenizer.post_processor = TemplateProcessing(
        single="<|start|> $A", special_tokens=[("<|start|>", 1)]
    )
    words.save_pretrained(tmp_path)
    (tmp_path / "config.json").write_text((model / "config.json").read_text())
    assert Reader(tmp_path).read("Hi")[0] == 1


def test_a_padding_tokenizer_pads_no_row(tmp_path: Path, model: Path) -> None:
    words = tiny.tokenizer()
    words.backend_tokenizer.enable_padding(length=12)
    words.backend_tokenizer.enable_truncation(2)
    words.backend_tokenizer.save(str(tmp_path / "tokenizer.json"))
    (tmp_path / "config.json").write_text((model / "config.json").read_text())
    assert Reader(tmp_path).read("Hi you").tolist() == tiny.tokenizer()("Hi you")["input_ids"]


def test_accuracy_counts_the_rows_whose_label_is_known(corpus: Path) -> None:
    protocol = Protocol(corpus, 200, "model")
    (found,) = accuracy(protocol, rows(0, 1, 2, UNKNOWN), says(0, 1, 0, 0))
    assert found.value == pytest.approx(2 / 3)
    assert (found.n, found.unit) == (3, "rows")
    assert found.low is not None
    assert found.high is not None
    assert 0 <= found.low < found.value < found.high <= 1
    assert list(accuracy(protocol, rows(UNKNOWN, UNKNOWN), says(0, 1))) == []


def test_likeness_is_over_all_rows(corpus: Path) -> None:
    protocol = Protocol(corpus, 200, "model")
    found = by_name(*likeness(protocol, says(0, 1, 0, 2), says(0, 1, 2, 2), "f" * 64))
    assert (found["agreement"].value, found["agreement"].n) == (0.75, 4)
    odds = np.exp([5.0, 0, 0]) / np.exp([5.0, 0, 0]).sum()
    assert found["kl"].value == pytest.approx((odds[0] - odds[1]) * 5 / 4, rel=1e-5)


def test_retention_is_over_what_the_reference_gets_right(corpus: Path) -> None:
    protocol, known = Protocol(corpus, 200, "model"), rows(0, 1, 2, UNKNOWN)
    ours, theirs = says(0, 1, 0, 2), says(0, 1, 2, 2)
    (found,) = retention(protocol, known, ours, theirs, "f" * 64)
    assert found.value == pytest.approx(2 / 3)
    assert list(retention(protocol, rows(0, 1), says(0, 1), says(1, 0), "f" * 64)) == []


def test_an_interval_leaves_out_resamples_without_a_known_row(corpus: Path) -> None:
    protocol = Protocol(corpus, 200, "model")
    (found,) = accuracy(protocol, rows(0, UNKNOWN, UNKNOWN, UNKNOWN), says(0, 0, 0, 0))
    assert (found.low, found.high) == (1, 1)


def test_the_drop_is_what_the_other_gets_right_and_the_model_does_not(corpus: Path) -> None:
    protocol = Protocol(corpus, 200, "int8")
    known = rows(0, 1, 2, 0, UNKNOWN)
    (found,) = accuracy_drop(protocol, known, says(0, 0, 0, 0, 0), says(0, 1, 2, 1, 0), "f" * 64)
    assert (found.value, found.n) == (0.25, 4)
