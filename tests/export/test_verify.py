import json
import shutil
from pathlib import Path

import pytest
import torch
from transformers import LlamaForCausalLM

from export.build import export
from export.verify import verify
from family.errors import StageError
from family.evaluate.protocol import held_out
from family.progress import Progress, listen
from family.spec import Export, Verify
from family.stage import Metric, Outcome
from family.store import MANIFEST

SETTINGS = Verify(repeats=3, decode_tokens=8, greedy_tokens=64)


def by_name(outcome: Outcome) -> dict[tuple[str, str], Metric]:
    return {(metric.about, metric.name): metric for metric in outcome.metrics}


@pytest.fixture(scope="module")
def outcome(
    model: Path, corpus: Path, exports: dict[str, Path], tmp_path_factory: pytest.TempPathFactory
) -> Outcome:
    inputs = {"model": model, "corpus": corpus, **exports}
    return verify(inputs, SETTINGS, tmp_path_factory.mktemp("out"))


def test_every_file_is_scored_and_timed(outcome: Outcome) -> None:
    scored = {
        "bits_per_byte",
        "bits_per_byte_rise",
        "kl",
        "agreement",
        "megabytes",
        "decode_tokens_per_second",
        "decode_ratio",
        "time_to_first_token_ms",
    }
    found = by_name(outcome)
    assert set(found) == {
        *((about, name) for about in ("fp32", "int8", "int4") for name in scored),
        ("fp32", "max_abs_error"),
        ("fp32", "greedy_match"),
    }
    assert all(found[about, "decode_tokens_per_second"].n == 3 for about in ("fp32", "int4"))


def test_fp32_is_the_checkpoint_itself(outcome: Outcome) -> None:
    found = by_name(outcome)
    assert found["fp32", "max_abs_error"].value <= 1e-4
    assert found["fp32", "greedy_match"].value == 1
    assert found["fp32", "greedy_match"].n == 64
    assert found["fp32", "agreement"].value == 1
    assert found["fp32", "kl"].value == pytest.approx(0, abs=1e-6)
    assert found["fp32", "bits_per_byte_rise"].value == pytest.approx(0, abs=1e-6)


def test_fewer_bits_lie_further_from_the_checkpoint(outcome: Outcome) -> None:
    found = by_name(outcome)
    assert 0 < found["int8", "kl"].value < found["int4", "kl"].value
    assert found["int8", "agreement"].value > found["int4", "agreement"].value
    assert found["int8", "megabytes"].value > found["int4", "megabytes"].value


def test_scores_have_intervals_and_count_what_they_say(
    outcome: Outcome, model: Path, corpus: Path
) -> None:
    found = by_name(outcome)
    conversations = held_out(corpus, model)
    bits = found["int4", "bits_per_byte"]
    assert bits.low is not None
    assert bits.high is not None
    assert bits.low <= bits.value <= bits.high
    assert bits.n == sum(one.bytes for one in conversations)
    assert found["int4", "kl"].n == sum(len(one.ends) for one in conversations)


def test_the_rise_is_relative_to_the_checkpoint(outcome: Outcome) -> None:
    found = by_name(outcome)
    before, after = found["fp32", "bits_per_byte"].value, found["int4", "bits_per_byte"].value
    assert found["int4", "bits_per_byte_rise"].value == pytest.approx(after / before - 1, abs=1e-5)


def test_files_of_one_checkpoint_share_their_protocol(
    outcome: Outcome, model: Path, corpus: Path, exports: dict[str, Path], tmp_path: Path
) -> None:
    found = by_name(outcome)
    assert found["int8", "kl"].protocol == found["int4", "kl"].protocol
    other = Verify(repeats=1, decode_tokens=4, greedy_tokens=4)
    again = by_name(
        verify({"model": model, "corpus": corpus, "int4": exports["int4"]}, other, tmp_path)
    )
    assert again["int4", "kl"] == found["int4", "kl"]
    speed = ("int4", "decode_tokens_per_second")
    assert again[speed].protocol != found[speed].protocol
    assert {about for about, _ in again} == {"int4"}


def test_a_file_of_another_model_is_seen(model: Path, corpus: Path, tmp_path: Path) -> None:
    other = shutil.copytree(model, tmp_path / "other")
    llama = LlamaForCausalLM.from_pretrained(other)
    with torch.no_grad():
        llama.model.layers[1].mlp.down_proj.weight += 0.1
    llama.save_pretrained(other)
    (tmp_path / "fp32").mkdir()
    export({"model": other}, Export(precision="fp32"), tmp_path / "fp32")
    found = by_name(
        verify({"model": model, "corpus": corpus, "fp32": tmp_path / "fp32"}, SETTINGS, tmp_path)
    )
    assert found["fp32", "max_abs_error"].value > 0.01
    assert found["fp32", "greedy_match"].value < 1


def test_the_stores_own_records_are_not_shipped(
    outcome: Outcome, model: Path, corpus: Path, exports: dict[str, Path], tmp_path: Path
) -> None:
    sealed = shutil.copytree(exports["int4"], tmp_path / "sealed")
    (sealed / MANIFEST).write_text("{}" * 500_000)
    found = verify({"model": model, "corpus": corpus, "int4": sealed}, SETTINGS, tmp_path)
    size = ("int4", "megabytes")
    assert by_name(found)[size].value == by_name(outcome)[size].value


def test_a_context_too_short_for_the_held_out_text_is_refused(
    model: Path, corpus: Path, tmp_path: Path
) -> None:
    short = shutil.copytree(model, tmp_path / "short")
    config = json.loads((short / "config.json").read_text())
    (short / "config.json").write_text(json.dumps(config | {"max_position_embeddings": 64}))
    with pytest.raises(StageError, match=r"sequences of \d+ tokens, and the model reads 64"):
        verify({"model": short, "corpus": corpus}, SETTINGS, tmp_path)


def test_it_tells_how_far_it_is(
    model: Path, corpus: Path, exports: dict[str, Path], tmp_path: Path
) -> None:
    heard: list[Progress] = []
    listen(heard.append)
    try:
        verify({"model": model, "corpus": corpus, "int4": exports["int4"]}, SETTINGS, tmp_path)
    finally:
        listen(lambda _: None)
    assert [one.unit for one in heard] == ["conversations"] * 9 + ["timings"] * 5
    assert all(one.done <= one.total for one in heard)
