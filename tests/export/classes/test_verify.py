import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import LlamaForSequenceClassification

from export.build import export
from export.classes.checkpoint import Checkpoint
from export.verify import verify
from family.evaluate.classes import held_out
from family.progress import Progress, listen
from family.spec import Export, Verify
from family.stage import Metric, Outcome
from tests.export.classes.conftest import ROWS

SETTINGS = Verify(repeats=3)


def by_name(outcome: Outcome) -> dict[tuple[str, str], Metric]:
    return {(metric.about, metric.name): metric for metric in outcome.metrics}


@pytest.fixture(scope="module")
def outcome(
    classifier: Path,
    labelled: Path,
    classifiers: dict[str, Path],
    tmp_path_factory: pytest.TempPathFactory,
) -> Outcome:
    inputs = {"model": classifier, "corpus": labelled, **classifiers}
    return verify(inputs, SETTINGS, tmp_path_factory.mktemp("out"))


def test_every_file_is_scored_and_timed(outcome: Outcome) -> None:
    scored = {
        "accuracy",
        "accuracy_drop",
        "agreement",
        "kl",
        "megabytes",
        "ms_per_row",
        "row_ratio",
        "rows_per_second",
    }
    found = by_name(outcome)
    assert set(found) == {
        *((about, name) for about in ("fp32", "int8", "int4") for name in scored),
        ("fp32", "max_abs_error"),
    }
    assert all(found["int8", name].value > 0 for name in ("ms_per_row", "rows_per_second"))
    assert set(outcome.facts) == {"rows", "pytorch_bf16_ms_per_row", "pytorch_fp32_ms_per_row"}


def test_fp32_is_the_checkpoint_itself(outcome: Outcome) -> None:
    found = by_name(outcome)
    assert found["fp32", "max_abs_error"].value <= 1e-5
    assert found["fp32", "agreement"].value == 1
    assert found["fp32", "accuracy_drop"].value == 0
    assert found["fp32", "kl"].value == pytest.approx(0, abs=1e-6)


def test_fewer_bits_lie_further_from_the_checkpoint(outcome: Outcome) -> None:
    found = by_name(outcome)
    assert 0 < found["int8", "kl"].value < found["int4", "kl"].value
    assert found["int8", "megabytes"].value > found["int4", "megabytes"].value


def test_accuracy_is_over_the_rows_whose_label_is_known(
    outcome: Outcome, classifier: Path, labelled: Path
) -> None:
    rows = held_out(labelled, classifier)
    logits = Checkpoint(classifier, torch.float32).logits([row.ids for row in rows])
    right = [row.label == label for row, label in zip(rows, logits.argmax(-1), strict=True)]
    found = by_name(outcome)["fp32", "accuracy"]
    assert found.n == len(ROWS) - 1
    assert found.value == sum(right) / found.n
    assert found.low is not None
    assert found.high is not None
    assert found.low <= found.value <= found.high


def test_the_checkpoint_is_read_at_the_last_token_whatever_it_is(classifier: Path) -> None:
    ends_with_padding = np.array([90, 91, 0])
    checkpoint = Checkpoint(classifier, torch.float32)
    alone = checkpoint.logits([ends_with_padding])
    assert not np.allclose(alone, checkpoint.logits([ends_with_padding[:2]]))
    together = checkpoint.logits([ends_with_padding, np.arange(3, 20)])
    np.testing.assert_allclose(together[:1], alone, atol=1e-5)


def test_a_file_of_another_model_is_seen(classifier: Path, labelled: Path, tmp_path: Path) -> None:
    other = shutil.copytree(classifier, tmp_path / "other")
    llama = LlamaForSequenceClassification.from_pretrained(other)
    with torch.no_grad():
        llama.model.layers[1].mlp.down_proj.weight += 0.1
    llama.save_pretrained(other)
    (tmp_path / "fp32").mkdir()
    export({"model": other}, Export(precision="fp32"), tmp_path / "fp32")
    inputs = {"model": classifier, "corpus": labelled, "fp32": tmp_path / "fp32"}
    assert by_name(verify(inputs, SETTINGS, tmp_path))["fp32", "max_abs_error"].value > 0.01


def test_it_tells_how_far_it_is(
    classifier: Path, labelled: Path, classifiers: dict[str, Path], tmp_path: Path
) -> None:
    heard: list[Progress] = []
    listen(heard.append)
    try:
        inputs = {"model": classifier, "corpus": labelled, "int4": classifiers["int4"]}
        verify(inputs, SETTINGS, tmp_path)
    finally:
        listen(lambda _: None)
    assert [one.unit for one in heard] == ["batches"] + ["timings"] * 10
    assert all(one.done <= one.total for one in heard)
