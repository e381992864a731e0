"""The one trainer: transformers' own, with a student, a signal and the loss in it."""

import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset
from transformers import TrainerCallback

from family.corpus import blocks
from family.corpus.blocks import Blocks
from family.distill.astray import Watch
from family.distill.checkpoint import CheckpointMarks, Mark
from family.distill.grid import Grid
from family.distill.norm import quicken_norms
from family.distill.objective import forget, learn
from family.distill.on_policy import Writer
from family.distill.teacher import LiveTeacher
from family.distill.trainer import DistillationTrainer, arguments
from family.errors import DescentError
from family.parallel.place import here
from family.progress import report
from family.signal.codec import open_signal
from family.signal.rows import Rows
from family.signal.source import Header, refuse_other
from family.spec import Distill
from family.stage import Edge, Outcome, digest_json, keyed
from family.store import sha256
from family.student.classifier import labels_of, refuse_other_labels, with_labels
from family.student.companions import bring_companions
from family.teacher.attention import quicken
from family.teacher.open import classifies, facts_of, load, load_tokenizer, save

CHECKPOINTS = "checkpoints"


def distill(inputs: Mapping[str, Path], settings: Distill, out: Path) -> Outcome:
    """Train the student on the teacher's signal; leave the model and history.jsonl in `out`.

    A killed run goes on from its last whole checkpoint and ends with the same weights. Where
    several processes train together, the first one writes.
    """
    place = here()
    # One process has everything as its one share.
    sharding = settings.distributed.sharding if place.world > 1 else "ddp"
    student = _student(inputs, settings)
    quicken(student)
    quicken_norms(student)
    corpus = blocks.read(inputs["corpus"], inputs["student"])
    rows = None
    if settings.reads_signal:
        refuse_other(inputs["signal"], inputs["teacher"], inputs["corpus"], inputs["student"])
        rows = open_signal(inputs["signal"])
    collator = SignalCollator(rows, corpus, inputs["student"])
    teacher = LiveTeacher(inputs["teacher"], inputs["student"]) if settings.runs_teacher else None
    budget = Budget.of(settings, corpus, place.world)
    mark = Mark(fingerprint=_fingerprint(inputs, settings), sharding=sharding)
    marks = CheckpointMarks(out / CHECKPOINTS, mark)
    dtype = torch.bfloat16 if settings.precision == "bf16" else torch.float32
    learn(student, settings.loss, dtype, teacher)
    watch = Watch(sum(term.weight for term in settings.loss))

    trainer = DistillationTrainer(
        model=student,
        args=arguments(
            settings, budget.steps, marks.folder, place.world, sharded=sharding == "fsdp"
        ),
        train_dataset=BlockDataset(corpus),
        data_collator=collator,
        callbacks=[marks, _Reports(budget), watch],
    )
    if teacher:
        teacher.to(trainer.args.device)
    int4_share = 0.0
    if settings.quantize:
        trainer.grid = Grid(student, settings.quantize.block_size)
        # A start on the grid stays on it: rounding would take back every step that is smaller
        # than half of the grid's, and with them most of what was learned off it.
        int4_share = 1.0 if trainer.grid.holds() else settings.quantize.share
        trainer.steps_off_grid = budget.steps - round(int4_share * budget.steps)
        watch.phases.append(trainer.steps_off_grid)
    if settings.on_policy:
        end = load_tokenizer(inputs["student"]).eos_token_id
        trainer.writer = Writer(settings.on_policy, corpus, end)
        trainer.steps_off_policy = budget.steps - round(settings.on_policy.share * budget.steps)
        watch.phases.append(trainer.steps_off_policy)
    trainer.train(resume_from_checkpoint=marks.last())
    if trainer.grid:
        trainer.grid.settle()

    history = [entry for entry in trainer.state.log_history if "loss" in entry]
    weights = trainer.whole_weights()
    forget(student)
    if place.first:
        shutil.rmtree(marks.folder, ignore_errors=True)
        with (out / "history.jsonl").open("w") as file:
            for entry in history:
                kept = {one: entry[one] for one in ("step", "loss", "learning_rate", "grad_norm")}
                file.write(json.dumps({**kept, "tokens": budget.tokens_at(entry["step"])}) + "\n")
        save(student, out, weights)
        bring_companions(inputs["student"], out)
    return Outcome(
        model=facts_of(student),
        edges=_edges(inputs, settings, budget, int4_share, history[-1]["loss"]),
        facts={"steps": budget.steps, "tokens": budget.tokens_at(budget.steps)},
    )


def _student(inputs: Mapping[str, Path], settings: Distill) -> Any:
    """What is trained: the student, under a fresh head if it is to become a classifier."""
    student, labels = load(inputs["student"]), labels_of(inputs["corpus"])
    if labels and not settings.taught and not classifies(student.config):
        student = with_labels(student, inputs["student"], labels, settings.seed)
    refuse_other_labels(student.config, inputs["corpus"], "student")
    return student


def _edges(
    inputs: Mapping[str, Path], settings: Distill, budget: "Budget", int4_share: float, loss: float
) -> tuple[Edge, ...]:
    trained: dict[str, bool | int | float | str] = {
        "loss": " + ".join(term.written for term in settings.loss),
        "tokens": budget.tokens_at(budget.steps),
        "steps": budget.steps,
        "learning_rate": settings.learning_rate,
        "seed": settings.seed,
        "final_loss": round(loss, 4),
    }
    if settings.signal == "live":
        trained["signal"] = settings.signal
    if settings.on_policy:
        trained["on_policy_share"] = settings.on_policy.share
    if int4_share:
        trained["int4_share"] = int4_share
    if settings.reads_signal:
        heard = Header.read(inputs["signal"])
        if heard.source.teacher_precision != "bf16":
            trained["teacher_precision"] = heard.source.teacher_precision
            trained["teacher_kl"] = heard.teacher_kl
    edges = [Edge(kind="initialised_from", parent="student")]
    if settings.taught:
        edges.append(Edge(kind="distilled_from", parent="teacher", detail=trained))
    else:
        edges[0] = Edge(kind="finetuned_from", parent="student", detail=trained)
    if "generator" in inputs:
        edges.append(Edge(kind="data_generated_by", parent="generator"))
    return tuple(edges)


def _fingerprint(inputs: Mapping[str, Path], settings: Distill) -> str:
    """What a checkpoint must have been made with to be gone on from."""
    files = [inputs["student"] / "model.safetensors", inputs["corpus"] / "tokens.npy"]
    if settings.reads_signal:
        files += [inputs["signal"] / name for name in ("signal.json", "usage.npy")]
    if settings.runs_teacher:
        files += sorted(inputs["teacher"].glob("*.safetensors"))
    return digest_json([keyed(settings), *(sha256(path) for path in files)])


@dataclass(frozen=True)
class Budget:
    """How many steps a number of tokens is."""

    steps: int
    tokens_per_step: float

    @classmethod
    def of(cls, settings: Distill, corpus: Blocks, processes: int = 1) -> "Budget":
        if corpus.count < settings.batch:
            raise DescentError(
                f"distill.batch: {settings.batch} blocks a step, but the corpus has "
                f"{corpus.count}. Use a smaller batch, or more prompts."
            )
        shares = settings.accumulate * processes
        if settings.batch % shares:
            raise DescentError(
                f"distill.batch: {settings.batch} blocks a step cannot be cut into {shares} equal "
                f"shares ({settings.accumulate} parts on {processes} processes). Use a multiple "
                f"of {shares}, or other numbers of them."
            )
        per_step = corpus.tokens_per_block * settings.batch
        return cls(max(1, round(settings.tokens / per_step)), per_step)

    def tokens_at(self, step: int) -> int:
        return round(step * self.tokens_per_step)


class BlockDataset(Dataset[dict[str, Any]]):
    """The corpus' blocks; each sample knows its number, by which the signal is found."""

    def __init__(self, corpus: Blocks) -> None:
        self.corpus = corpus

    def __len__(self) -> int:
        return self.corpus.count

    def __getitem__(self, block: int) -> dict[str, Any]:
        return {
            "block": block,
            "input_ids": self.corpus.tokens[block],
            "position_ids": self.corpus.positions[block],
            "labels": self.corpus.labels[block],
        }


class SignalCollator:
    """Puts blocks into batches and, where there is a signal, the teacher's odds about them in the
    student's numbering."""

    def __init__(self, rows: Rows | None, corpus: Blocks, student: Path) -> None:
        self.rows = rows
        if not rows:
            return
        expected = corpus.wanted.sum(axis=1)
        if not np.array_equal(expected, np.diff(rows.offsets)):
            raise DescentError(
                "the signal was captured on another corpus: its targets do not match the blocks"
            )
        self.kept = blocks.answers_named(corpus, student)
        self.own = None
        if self.kept is not None:
            self.own = blocks.own_numbers(student, rows.vocabulary - 1)

    def __call__(self, samples: list[dict[str, Any]]) -> dict[str, Tensor]:
        """A batch [B, T] with `ids` and `logp` [M, k] for its M targets, in order; of a signal that
        tells of all tokens, `logp` [M, V] of the student's alone."""
        batch = {
            name: torch.from_numpy(np.stack([sample[name] for sample in samples])).long()
            for name in ("input_ids", "position_ids", "labels")
        }
        if not self.rows:
            return batch
        ids, logp = self.rows.rows([sample["block"] for sample in samples])
        if ids is None:
            batch["logp"] = torch.from_numpy(logp if self.kept is None else logp[:, self.kept])
        else:
            batch["ids"] = torch.from_numpy(ids if self.own is None else self.own[ids]).long()
            batch["logp"] = torch.from_numpy(logp).float()
        return batch


class _Reports(TrainerCallback):  # type: ignore[misc]
    """Tells how far training is, with the loss."""

    def __init__(self, budget: Budget) -> None:
        self.budget = budget
        self.figures: dict[str, float] = {}

    def on_log(self, args: Any, state: Any, control: Any, logs: dict[str, Any], **_: Any) -> None:
        if "loss" in logs:
            self.figures = {"loss": float(logs["loss"])}

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        total = self.budget.tokens_at(self.budget.steps)
        report(self.budget.tokens_at(state.global_step), total, "tokens", **self.figures)
