import json
from pathlib import Path

import numpy as np
import pytest
import torch

from family.evaluate.protocol import held_out
from family.evaluate.score import _begins, evaluate
from family.spec import Evaluate
from family.stage import Metric
from family.teacher.open import load
from tests.family.conftest import TinyFamily

SETTINGS = Evaluate(batch=3, resamples=200)


def scores(family: TinyFamily, model: Path, out: Path, **changes: int) -> dict[str, Metric]:
    inputs = {"model": model, "reference": family.flagship, "corpus": family.corpus}
    out.mkdir(exist_ok=True)
    found = evaluate(inputs, SETTINGS.model_copy(update=changes), out).metrics
    return {f"{metric.about} {metric.name}": metric for metric in found}


def test_the_flagship_agrees_with_itself(tiny_family: TinyFamily, tmp_path: Path) -> None:
    found = scores(tiny_family, tiny_family.flagship, tmp_path)
    assert found["model agreement"].value > 0.95  # one reads in float32, the other in bfloat16
    assert found["model kl"].value < 0.01
    assert found["model retention"].value == pytest.approx(1, abs=0.02)


def test_a_distilled_tier_is_nearer_than_its_start(tiny_family: TinyFamily, tmp_path: Path) -> None:
    before = scores(tiny_family, tiny_family.start, tmp_path / "before")
    after = scores(tiny_family, tiny_family.distilled, tmp_path / "after")
    assert after["model kl"].value < 0.8 * before["model kl"].value
    assert after["model bits_per_byte"].value < before["model bits_per_byte"].value
    assert after["model agreement"].value > before["model agreement"].value


def test_figures_carry_n_and_an_interval_around_them(
    tiny_family: TinyFamily, tmp_path: Path
) -> None:
    found = scores(tiny_family, tiny_family.distilled, tmp_path)
    text = [json.loads(line)["answer"] for line in (tiny_family.corpus / "held_out.jsonl").open()]
    assert found["model bits_per_byte"].n == sum(len(answer.encode()) for answer in text)
    for metric in found.values():
        assert metric.low is not None
        assert metric.high is not None
        assert metric.low <= metric.value <= metric.high


def test_bits_per_byte_are_those_of_a_plain_loss(tiny_family: TinyFamily, tmp_path: Path) -> None:
    found = scores(tiny_family, tiny_family.distilled, tmp_path)
    model = load(tiny_family.distilled)
    bits = byte_count = 0.0
    for conversation in held_out(tiny_family.corpus, tiny_family.distilled):
        ids = torch.from_numpy(conversation.ids)[None]
        labels = ids.clone()
        labels[:, : conversation.start] = -100
        with torch.inference_mode():
            loss = model(input_ids=ids, labels=labels).loss.item()
        bits += loss * (len(conversation.ids) - conversation.start) / np.log(2)
        byte_count += conversation.bytes
    assert found["model bits_per_byte"].value == pytest.approx(bits / byte_count, rel=1e-4)


def test_the_batch_changes_no_figure_and_no_protocol(
    tiny_family: TinyFamily, tmp_path: Path
) -> None:
    one = scores(tiny_family, tiny_family.distilled, tmp_path / "one", batch=1)
    four = scores(tiny_family, tiny_family.distilled, tmp_path / "four", batch=4)
    for name, metric in one.items():
        assert metric.protocol == four[name].protocol
        assert metric.value == pytest.approx(four[name].value, rel=0.02)


def test_models_of_other_vocabularies_are_compared_where_both_stand(
    tiny_family: TinyFamily,
) -> None:
    ours = held_out(tiny_family.corpus, tiny_family.distilled)
    theirs = held_out(tiny_family.corpus, tiny_family.flagship)
    for mine, other in zip(ours, theirs, strict=True):
        assert mine.bytes == other.bytes
        assert set(_begins(mine)) & set(_begins(other)) >= {0}
