"""TRL's distillation on a data set: `GKDTrainer` at `lmbda=0` (off policy), `beta=0` (forward KL).

What costs it time without need is turned off: checkpoints, gradient checkpointing, reports.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from datasets import Dataset
from transformers import AutoModelForCausalLM, AutoTokenizer, TrainerCallback
from trl.experimental.gkd import GKDConfig, GKDTrainer

from benchmarks.speed import recipe
from benchmarks.speed.process import Case


class _Steps(TrainerCallback):  # type: ignore[misc]
    def __init__(self, ended: Callable[[], None]) -> None:
        self.ended = ended

    def on_step_end(self, *_: Any, **__: Any) -> None:
        self.ended()


def train(case: Case, step_ended: Callable[[], None]) -> None:
    """Train the case's student, and say when a step ended."""
    tokenizer = AutoTokenizer.from_pretrained(case.student)
    trainer = GKDTrainer(
        model=AutoModelForCausalLM.from_pretrained(case.student, dtype=torch.float32),
        teacher_model=AutoModelForCausalLM.from_pretrained(case.flagship, dtype=torch.bfloat16),
        args=GKDConfig(
            output_dir=str(case.out / "trainer"),
            lmbda=0.0,
            beta=0.0,
            temperature=1.0,
            max_steps=case.steps,
            per_device_train_batch_size=recipe.BATCH,
            learning_rate=recipe.LEARNING_RATE,
            lr_scheduler_type="linear",
            warmup_steps=round(recipe.WARM_UP * case.steps),
            max_grad_norm=recipe.CLIP,
            adam_beta2=recipe.BETAS[1],
            optim="adamw_torch_fused",
            bf16=True,
            use_cpu=not torch.cuda.is_available(),
            gradient_checkpointing=False,
            save_strategy="no",
            dataloader_drop_last=True,
            report_to=[],
            disable_tqdm=True,
            seed=recipe.SEED,
        ),
        data_collator=_batch,
        train_dataset=_rows(case),
        processing_class=tokenizer,
        callbacks=[_Steps(step_ended)],
    )
    trainer.train()
    trainer.save_model(str(case.out))


def _rows(case: Case) -> Dataset:
    """The corpus' blocks; TRL moves labels by one itself, ours are moved already."""
    tokens, labels = (np.load(case.corpus / f"{name}.npy") for name in ("tokens", "labels"))
    moved = np.full_like(labels, -100)
    moved[:, 1:] = labels[:, :-1]
    return Dataset.from_dict({"input_ids": tokens.tolist(), "labels": moved.tolist()})


def _batch(rows: list[dict[str, list[int]]]) -> dict[str, torch.Tensor]:
    batch = {name: torch.tensor([row[name] for row in rows]) for name in ("input_ids", "labels")}
    return {**batch, "attention_mask": torch.ones_like(batch["input_ids"])}
