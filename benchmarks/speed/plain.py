"""Distillation in plain PyTorch, as a good engineer would write it in an afternoon."""

from collections.abc import Callable

import numpy as np
import torch
from torch.nn import functional
from transformers import AutoModelForCausalLM, get_linear_schedule_with_warmup

from benchmarks.speed import recipe
from benchmarks.speed.process import Case
from family.student.companions import bring_companions


def train(case: Case, step_ended: Callable[[], None]) -> None:
    """Train the case's student, and say when a step ended."""
    torch.manual_seed(recipe.SEED)
    student = AutoModelForCausalLM.from_pretrained(case.student, dtype=torch.float32).train()
    teacher = AutoModelForCausalLM.from_pretrained(case.flagship, dtype=torch.bfloat16).eval()
    tokens = torch.from_numpy(np.load(case.corpus / "tokens.npy")).long()
    wanted = torch.from_numpy(np.load(case.corpus / "labels.npy")) != -100
    optimizer = torch.optim.AdamW(
        student.parameters(),
        lr=recipe.LEARNING_RATE,
        betas=recipe.BETAS,
        weight_decay=0.0,
        fused=True,
    )
    schedule = get_linear_schedule_with_warmup(
        optimizer, round(recipe.WARM_UP * case.steps), case.steps
    )
    orders = (torch.randperm(len(tokens)) for _ in range(case.steps))  # one for each epoch
    batches = (batch for order in orders for batch in order.split(recipe.BATCH)[:-1])
    for _, batch in zip(range(case.steps), batches, strict=False):
        with torch.no_grad():
            theirs = teacher(tokens[batch], use_cache=False).logits[wanted[batch]]
        with torch.autocast("cpu", dtype=torch.bfloat16):
            ours = student(tokens[batch], use_cache=False).logits[wanted[batch]]
        loss = functional.kl_div(
            ours.float().log_softmax(-1),
            theirs.float().log_softmax(-1),
            reduction="batchmean",
            log_target=True,
        )
        loss.backward()
        torch.nn.utils.clip_grad_norm_(student.parameters(), recipe.CLIP)
        optimizer.step()
        schedule.step()
        optimizer.zero_grad()
        step_ended()
    student.save_pretrained(case.out)
    bring_companions(case.student, case.out)
