"""When a training has gone astray, and what to do about it."""

from collections.abc import Sequence
from typing import Any

from transformers import TrainerCallback, TrainingArguments

from family.errors import DescentError

#: How many times the least loss so far is far from it.
FAR = 4.0
#: What a loss has to rise by at least, for each unit of the terms' weights: half a nat, which a
#: small loss never does from batch to batch.
RISE = 0.5


def astray(losses: Sequence[float], weight: float = 1.0) -> bool:
    """Whether the last of some intervals' mean losses says that training diverges.

    It does if it is above where training began, FAR times the least, and the rise is no noise.
    The first one is of the first step alone."""
    least, last = min(losses), losses[-1]
    return last > max(losses[0], FAR * least) and last - least > RISE * weight


def diverged(found: str, args: TrainingArguments) -> DescentError:
    """The error of a training that cannot go on."""
    return DescentError(
        f"{found}: training diverged. Lower distill.learning_rate (now {args.learning_rate:g}) or "
        f"distill.clip (now {args.max_grad_norm:g}), or raise distill.warmup. The last good "
        f"checkpoint is kept."
    )


class Watch(TrainerCallback):  # type: ignore[misc]
    """Stops a training that diverges at the first entry of the history that says so, before a
    checkpoint is written."""

    def __init__(self, weight: float) -> None:
        self.weight = weight
        self.phases = [0]
        """The steps after which something else is learned, whose losses compare with no other's."""

    def on_log(self, args: Any, state: Any, control: Any, logs: dict[str, Any], **_: Any) -> None:
        if "loss" not in logs:
            return
        began = max(step for step in self.phases if step < state.global_step)
        losses = [
            entry["loss"]
            for entry in state.log_history
            if "loss" in entry and (not began or entry["step"] >= began + args.logging_steps)
        ]
        if losses and astray(losses, self.weight):
            found = (
                f"the loss rose from {min(losses):.3g} to {losses[-1]:.3g} by step "
                f"{state.global_step}"
            )
            raise diverged(found, args)
