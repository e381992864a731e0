import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Literal

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from family import child
from family.corpus import blocks
from family.distill import objective, train
from family.distill.checkpoint import MARK
from family.distill.trainer import arguments
from family.errors import DescentError
from family.signal.capture import signal as capture
from family.signal.codec import open_signal
from family.spec import (
    CrossEntropy,
    Distill,
    ForwardKL,
    HiddenStates,
    PruneStart,
    QuantizationAware,
    Shape,
    Signal,
    TopK,
)
from family.student.start import start
from tests.family.conftest import DISTILL, TinyFamily


def weights(folder: Path) -> dict[str, torch.Tensor]:
    return load_file(folder / "model.safetensors")


def assert_same_weights(one: Path, other: Path) -> None:
    for name, weight in weights(one).items():
        assert torch.equal(weight, weights(other)[name]), name


def trained(family: TinyFamily, out: Path, **changes: object) -> Path:
    out.mkdir(exist_ok=True)
    train.distill(family.distill_inputs, DISTILL.model_copy(update=changes), out)
    return out


def losses(folder: Path) -> list[float]:
    return [json.loads(line)["loss"] for line in (folder / "history.jsonl").open()]


def test_the_student_comes_nearer_to_its_teacher(tiny_family: TinyFamily) -> None:
    found = losses(tiny_family.distilled)
    assert found[-1] < 0.8 * found[0]


def test_edges_name_student_teacher_and_generator(tiny_family: TinyFamily) -> None:
    edges = {edge.kind: edge for edge in tiny_family.outcomes["distill"].edges}
    assert {kind: edge.parent for kind, edge in edges.items()} == {
        "initialised_from": "student",
        "distilled_from": "teacher",
        "data_generated_by": "generator",
    }
    assert edges["distilled_from"].detail["tokens"] == pytest.approx(DISTILL.tokens, rel=0.1)


def test_without_a_teacher_in_the_loss_a_tier_is_finetuned(
    tiny_family: TinyFamily, tmp_path: Path
) -> None:
    settings = DISTILL.model_copy(
        update={"loss": (CrossEntropy(kind="cross_entropy"),), "tokens": 500}
    )
    outcome = train.distill(tiny_family.distill_inputs, settings, tmp_path)
    assert [edge.kind for edge in outcome.edges] == ["finetuned_from", "data_generated_by"]


def test_a_live_teacher_teaches_what_a_signal_of_all_tokens_would(
    tiny_family: TinyFamily, tmp_path: Path
) -> None:
    taught = {"teacher": tiny_family.flagship, "corpus": tiny_family.corpus}
    student, whole, stored, live = (tmp_path / name for name in ("0", "signal", "stored", "live"))
    for folder in (student, whole, stored, live):
        folder.mkdir()
    cut = PruneStart(kind="prune", shape=Shape(layers=2), calibration=2)
    start({"parent": tiny_family.flagship, "corpus": tiny_family.corpus}, cut, student)
    capture(taught, Signal(codec=TopK(kind="top_k", k=1024)), whole)
    inputs = {**taught, "student": student, "generator": tiny_family.flagship}
    train.distill({**inputs, "signal": whole}, DISTILL, stored)
    outcome = train.distill(inputs, DISTILL.model_copy(update={"signal": "live"}), live)
    assert losses(live) == pytest.approx(losses(stored), rel=0.02)
    (edge,) = [edge for edge in outcome.edges if edge.kind == "distilled_from"]
    assert edge.detail["signal"] == "live"


def test_projections_of_hidden_states_are_no_part_of_the_student(
    tiny_family: TinyFamily, tmp_path: Path
) -> None:
    terms = (
        ForwardKL(kind="forward_kl"),
        HiddenStates(kind="hidden_states", layers="all", weight=0.5),
    )
    settings = DISTILL.model_copy(
        update={"signal": "live", "loss": terms, "quantize": QuantizationAware(share=0.5)}
    )
    outcome = train.distill(tiny_family.distill_inputs, settings, tmp_path)
    assert losses(tmp_path)[-1] < 0.8 * losses(tmp_path)[0]
    assert weights(tmp_path).keys() == weights(tiny_family.distilled).keys()
    assert outcome.model == tiny_family.outcomes["distill"].model


def test_a_step_cut_into_parts_is_the_same_step(tiny_family: TinyFamily, tmp_path: Path) -> None:
    # The parts hold different numbers of targets: a mean of means would differ.
    # Of the four blocks one is left over in each epoch, which is no step by itself.
    whole = trained(tiny_family, tmp_path / "whole", tokens=1000, batch=3)
    parts = trained(tiny_family, tmp_path / "parts", tokens=1000, batch=3, accumulate=3)
    for name, weight in weights(whole).items():
        torch.testing.assert_close(weight, weights(parts)[name], atol=1e-5, rtol=1e-4)


def test_a_run_killed_at_any_moment_ends_with_the_same_weights(
    tiny_family: TinyFamily, tmp_path: Path
) -> None:
    job = child.Job(
        function="family.distill.train:distill",
        settings_type="family.spec:Distill",
        settings=DISTILL.model_dump_json(),
        inputs=tiny_family.distill_inputs,
        out=tmp_path / "out",
        said_fd=1,
    )
    job.out.mkdir()
    path = tmp_path / "one.job"
    path.write_text(job.model_dump_json())
    process = subprocess.Popen(
        [sys.executable, "-m", "family.child", str(path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, **child.ALLOCATOR},
    )
    mark = job.out / train.CHECKPOINTS / "checkpoint-4" / "whole.json"
    while not mark.exists():
        assert process.poll() is None, "training ended before its second checkpoint"
        time.sleep(0.005)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not (job.out / "model.safetensors").exists()

    trained(tiny_family, job.out)
    assert_same_weights(job.out, tiny_family.distilled)
    assert losses(job.out) == losses(tiny_family.distilled)
    assert not (job.out / train.CHECKPOINTS).exists()


def test_a_checkpoint_is_written_with_an_entry_of_the_history(tmp_path: Path) -> None:
    # An entry is the mean of the steps since the one before, which a resume does not know.
    settings = DISTILL.model_copy(update={"checkpoint_steps": 7})
    asked = arguments(settings, 40, tmp_path, 1, sharded=False)
    assert (asked.logging_steps, asked.save_steps) == (4, 8)


def test_a_checkpoint_without_its_mark_is_not_gone_on_from(
    tiny_family: TinyFamily, tmp_path: Path
) -> None:
    (tmp_path / train.CHECKPOINTS / "checkpoint-6").mkdir(parents=True)
    trained(tiny_family, tmp_path)
    assert_same_weights(tmp_path, tiny_family.distilled)


def test_a_resume_with_another_spec_is_refused(tiny_family: TinyFamily, tmp_path: Path) -> None:
    another = train.Mark(fingerprint="another spec or corpus")
    stopped = train.CheckpointMarks(tmp_path / train.CHECKPOINTS, another)
    (stopped.folder / "checkpoint-2").mkdir(parents=True)

    class State:
        global_step = 2
        is_world_process_zero = True

    stopped.on_save(None, State, None)
    with pytest.raises(DescentError, match="made with another corpus, student or spec"):
        trained(tiny_family, tmp_path)


@pytest.mark.parametrize(
    ("left", "now", "expected"),
    [
        ("fsdp", "ddp", r"laid out for fsdp.*\{sharding: fsdp\}` with two processes or more"),
        ("ddp", "fsdp", r"laid out for ddp.*\{sharding: ddp\}` with any number of processes"),
    ],
)
def test_a_resume_with_another_sharding_says_which_one_goes_on(
    tmp_path: Path, left: Literal["ddp", "fsdp"], now: Literal["ddp", "fsdp"], expected: str
) -> None:
    found = tmp_path / "checkpoint-2" / MARK
    found.parent.mkdir()
    found.write_text(train.Mark(fingerprint="the same", sharding=left).model_dump_json())
    asked = train.Mark(fingerprint="the same", sharding=now)
    with pytest.raises(DescentError, match=expected):
        train.CheckpointMarks(tmp_path, asked).last()


def test_a_batch_that_processes_cannot_share_evenly_is_refused(tiny_family: TinyFamily) -> None:
    corpus = blocks.read(tiny_family.corpus, tiny_family.start)
    with pytest.raises(DescentError, match=r"cut into 8 equal shares \(2 parts on 4 processes\)"):
        train.Budget.of(DISTILL.model_copy(update={"accumulate": 2}), corpus, processes=4)


def test_training_runs_in_bfloat16_when_asked(
    tiny_family: TinyFamily, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []
    plain = objective.distillation_loss

    def spy(hidden: torch.Tensor, head: torch.Tensor, *rest: object) -> torch.Tensor:
        seen.append(hidden.dtype)
        return plain(hidden, head, *rest)

    dtypes = []
    hook = torch.nn.modules.module.register_module_forward_hook(
        lambda module, _, output: (
            dtypes.append(output.dtype)
            if isinstance(module, torch.nn.Linear) and output.dim()  # of the head comes the loss
            else None
        )
    )
    monkeypatch.setattr(objective, "distillation_loss", spy)
    try:
        trained(tiny_family, tmp_path, precision="bf16", tokens=500)
    finally:
        hook.remove()
    assert set(seen) == {torch.bfloat16}
    assert set(dtypes) == {torch.bfloat16}


@pytest.mark.parametrize(
    ("rate", "found"),
    [(1e30, "the (loss|gradient's norm) is (nan|inf) at step"), (0.1, r"rose from .* by step \d")],
)
def test_a_training_that_diverges_stops_and_says_what_to_lower(
    tiny_family: TinyFamily, tmp_path: Path, rate: float, found: str
) -> None:
    with pytest.raises(DescentError, match=rf"{found}.*diverged\. Lower distill\.learning_rate"):
        trained(tiny_family, tmp_path, learning_rate=rate, clip=1e30, warmup=0.0)


def test_the_checkpoints_from_before_a_loss_ran_away_are_kept(
    tiny_family: TinyFamily, tmp_path: Path
) -> None:
    rising = {"learning_rate": 1.0, "warmup": 0.9}  # small at first, and more with each step
    with pytest.raises(DescentError, match=r"rose from .* by step") as caught:
        trained(tiny_family, tmp_path, **rising, clip=1e30)
    found = int(re.search(r"by step (\d+)", str(caught.value))[1])
    kept = [path.parent.name for path in (tmp_path / train.CHECKPOINTS).glob(f"*/{MARK}")]
    assert kept
    assert all(int(name.removeprefix("checkpoint-")) < found for name in kept)


def test_a_batch_larger_than_the_corpus_is_refused(tiny_family: TinyFamily, tmp_path: Path) -> None:
    with pytest.raises(DescentError, match=r"distill\.batch: 999 blocks a step"):
        trained(tiny_family, tmp_path, batch=999)


def test_a_signal_is_found_by_the_samples_identity(tiny_family: TinyFamily) -> None:
    corpus = blocks.read(tiny_family.corpus, tiny_family.start)
    rows = open_signal(tiny_family.signal)
    collator = train.SignalCollator(rows, corpus, tiny_family.start)
    samples = [train.BlockDataset(corpus)[block] for block in (2, 0)]
    batch = collator(samples)
    split = int(rows.offsets[3] - rows.offsets[2])
    torch.testing.assert_close(
        batch["logp"][:split], torch.from_numpy(rows.rows([2])[1].astype(np.float32))
    )
    torch.testing.assert_close(
        batch["logp"][split:], torch.from_numpy(rows.rows([0])[1].astype(np.float32))
    )


def test_mask_and_targets_move_by_one_together(tiny_family: TinyFamily) -> None:
    # The answers were written greedily by this teacher: its likeliest token before each target
    # is that target, and seldom the target's neighbour.
    corpus = blocks.read(tiny_family.corpus, tiny_family.flagship)
    collator = train.SignalCollator(open_signal(tiny_family.signal), corpus, tiny_family.flagship)
    samples = [train.BlockDataset(corpus)[block] for block in range(corpus.count)]
    batch = collator(samples)
    labels = batch["labels"]
    wanted, likeliest = labels[labels != -100], batch["ids"][:, 0]

    def agreed(targets: torch.Tensor) -> float:
        return (likeliest == targets).float().mean().item()

    assert agreed(wanted) > 0.6
    assert agreed(wanted.roll(1)) < 0.3
    assert agreed(wanted.roll(-1)) < 0.3


def test_a_signal_of_another_corpus_is_refused(tiny_family: TinyFamily) -> None:
    corpus = blocks.read(tiny_family.corpus, tiny_family.start)
    rows = open_signal(tiny_family.signal)
    rows.offsets = rows.offsets[:-1]
    with pytest.raises(DescentError, match="captured on another corpus"):
        train.SignalCollator(rows, corpus, tiny_family.start)


def test_distill_settings_refuse_what_they_do_not_know() -> None:
    with pytest.raises(ValueError, match="learning_rat"):
        Distill.model_validate({"learning_rat": 1e-3})


def test_an_optimizer_with_8_bit_state_learns_as_well(
    tiny_family: TinyFamily, tmp_path: Path
) -> None:
    eight = losses(trained(tiny_family, tmp_path, optimizer="adamw_8bit"))
    assert eight[-1] == pytest.approx(losses(tiny_family.distilled)[-1], rel=0.2)
