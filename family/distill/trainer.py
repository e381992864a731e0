"""transformers' Trainer, with the distillation loss and the int4 grid in it."""

import math
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

import torch
from accelerate import PartialState
from accelerate.utils import DistributedType, FullyShardedDataParallelPlugin
from torch import Tensor
from torch.distributed.fsdp import MixedPrecisionPolicy
from torch.distributed.tensor import DTensor
from torch.nn.utils import clip_grads_with_norm_
from torch.utils.data import RandomSampler
from transformers import Trainer, TrainingArguments

from family.distill.astray import diverged
from family.distill.grid import Grid
from family.distill.objective import MATCHES
from family.distill.on_policy import Writer
from family.spec import Distill

OPTIMIZERS = {"adamw": "adamw_torch_fused", "adamw_8bit": "adamw_bnb_8bit"}


def arguments(
    settings: Distill, steps: int, checkpoints: Path, world: int, *, sharded: bool
) -> TrainingArguments:
    """The Trainer's arguments for a training of so many optimizer steps.

    `settings.batch` is the whole step's, over all of its parts and all `world` processes."""
    logged = min(10, math.ceil(steps / 10))
    return TrainingArguments(
        output_dir=str(checkpoints),
        max_steps=steps,
        per_device_train_batch_size=settings.batch // (settings.accumulate * world),
        gradient_accumulation_steps=settings.accumulate,
        learning_rate=settings.learning_rate,
        lr_scheduler_type=settings.schedule,
        warmup_steps=round(settings.warmup * steps),
        weight_decay=settings.weight_decay,
        max_grad_norm=settings.clip,
        optim=OPTIMIZERS[settings.optimizer],
        adam_beta2=0.98,
        bf16=settings.precision == "bf16",
        seed=settings.seed,
        data_seed=settings.seed,
        dataloader_drop_last=True,  # one shape for every step
        remove_unused_columns=False,
        # With a log entry, whose mean would otherwise lack the steps before the checkpoint.
        save_steps=logged * math.ceil(settings.checkpoint_steps / logged),
        save_total_limit=2,  # a kill during the rotation leaves the one before
        logging_steps=logged,
        logging_first_step=True,  # where it starts from
        logging_nan_inf_filter=False,
        report_to=[],
        disable_tqdm=True,
        use_cpu=not torch.cuda.is_available(),
        ddp_find_unused_parameters=False,
        fsdp=sharded,
        fsdp_config={"version": 2} if sharded else None,
    )


class DistillationTrainer(Trainer):  # type: ignore[misc]
    """A Trainer for a student that `family.distill.objective` has taught what to learn."""

    is_fsdp_enabled: bool
    grid: Grid | None = None
    steps_off_grid: int = 0
    writer: Writer | None = None
    steps_off_policy: int = 0

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        # The loss is summed over targets and divided by those of the whole optimizer step.
        self.model_accepts_loss_kwargs = True
        self._loss_shifts_labels = False  # ours stand where they are to be said

    def create_accelerator_and_postprocess(self) -> None:
        """Also let accelerate shard on processors, which its state keeps to accelerators.

        accelerate 1.15 drops the plugin of a run over gloo; torch's `fully_shard` takes both. Its
        policy for bf16 would sum gradients and hand out the loss in bf16: here autocast decides, as
        in one process."""
        if self.args.fsdp_plugin_args:
            self.args.fsdp_plugin_args["mixed_precision_policy"] = MixedPrecisionPolicy()
        super().create_accelerator_and_postprocess()
        if not self.args.fsdp_plugin_args or self.is_fsdp_enabled:
            return
        for state in (PartialState(), self.accelerator.state):
            state.distributed_type = DistributedType.FSDP
        self.accelerator.state.fsdp_plugin = FullyShardedDataParallelPlugin(
            **self.args.fsdp_plugin_args
        )
        self.is_fsdp_enabled = True

    def _get_train_sampler(self, train_dataset: Any = None) -> RandomSampler:
        """An epoch is whole steps: the Trainer would end one that is cut into parts with less."""
        args, blocks = self.args, len(self.train_dataset)
        step = args.train_batch_size * args.gradient_accumulation_steps * args.world_size
        return RandomSampler(self.train_dataset, num_samples=blocks - blocks % step)

    def get_batch_samples(
        self, epoch_iterator: Any, num_batches: int, device: torch.device
    ) -> tuple[list[dict[str, Tensor]], Tensor | int | None]:
        """The parts of an optimizer step, written by the student once it is time for it, and the
        number of targets in all of them. What is written does not depend on who writes it."""
        parts, count = super().get_batch_samples(epoch_iterator, num_batches, device)
        step = self.state.global_step
        if self.writer and step >= self.steps_off_policy:
            first = self.accelerator.process_index * num_batches
            with self._on_grid(), self.accelerator.autocast():
                parts = [
                    self.writer.write(
                        self.model, len(part["input_ids"]), [self.args.seed, step, number]
                    )
                    for number, part in enumerate(parts, first)
                ]
            count = self._get_num_items_in_batch(parts, device)
        return parts, count

    def _on_grid(self) -> AbstractContextManager[None]:
        """The int4 grid, once it is time for it."""
        grid = self.grid if self.state.global_step >= self.steps_off_grid else None
        return grid.applied() if grid else nullcontext()

    def training_step(
        self, model: Any, inputs: dict[str, Tensor], num_items_in_batch: Tensor | int | None = None
    ) -> Tensor:
        """One part of an optimizer step, on the int4 grid once it is time for it."""
        with self._on_grid():
            loss: Tensor = super().training_step(model, inputs, num_items_in_batch)
        return loss

    def compute_loss(
        self,
        model: Any,
        inputs: dict[str, Tensor],
        return_outputs: bool = False,
        num_items_in_batch: Tensor | int | None = None,
    ) -> Tensor:
        """Mean nats per target of the optimizer step: this process' share of it, times the
        number of processes, over which gradients and reported losses are averaged."""
        assert num_items_in_batch is not None  # counted from the labels, over all processes
        share = self.accelerator.num_processes / num_items_in_batch
        with self.accelerator.autocast():  # which FSDP does not enter by itself
            loss: Tensor = model(**inputs, share=share)
        if not torch.isfinite(loss):
            raise diverged(f"the loss is {loss.item()} at step {self.state.global_step}", self.args)
        return loss

    def _clip_grad_norm(self, model: Any) -> Tensor:
        """Clip as torch does, by a norm that is equal however the weights are cut up.

        A row's norm is taken where the row lies, and rows are summed in float64. torch's float32
        sum was off by 4e-4 on 128 million weights, and otherwise off for each way of cutting."""
        gradients = [weight.grad for weight in model.parameters() if weight.grad is not None]
        own = [one.to_local() if isinstance(one, DTensor) else one for one in gradients]
        rows = [one if one.dim() > 1 else one[:, None] for one in own]
        norms = torch.cat([torch.linalg.vector_norm(one, dim=-1) for one in rows])
        squares = norms.double().square().sum()
        if self.is_fsdp_enabled:
            squares = self.accelerator.reduce(squares, "sum")
        norm: Tensor = squares.sqrt().float()
        if not torch.isfinite(norm):
            found = f"the gradient's norm is {norm.item()} at step {self.state.global_step}"
            raise diverged(found, self.args)
        clip_grads_with_norm_(model.parameters(), self.args.max_grad_norm, norm)
        return norm

    def whole_weights(self) -> dict[str, Tensor] | None:
        """A sharded student's weights, gathered in the first process; None of any other student.

        Every process has to call it."""
        if not self.is_fsdp_enabled:
            return None
        gathered = self.accelerator.get_state_dict(self.model)
        tied = self.model.all_tied_weights_keys  # saved once, which gathered copies do not show
        return {
            name: weight
            for name, weight in gathered.items()
            if name not in tied and not name.startswith(MATCHES)
        }
