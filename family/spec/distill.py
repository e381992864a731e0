"""How a student learns: its losses, the int4 grid, and training."""

from typing import Literal, Self

from pydantic import Field, model_validator

from family.spec.distributed import DistributedTraining
from family.spec.losses import CrossEntropy, ForwardKL, Loss
from family.stage import NOT_IN_KEY, Settings


class QuantizationAware(Settings):
    """The last steps of training compute with the weights on the very grid that int4 files store:
    the exported integers are the trained ones, and int4 costs what training could not mend."""

    share: float = Field(
        0.4,
        gt=0,
        le=1,
        description="Share of the steps, the last ones; all of them if the start lies on the grid.",
    )
    block_size: Literal[32, 64, 128] = Field(
        32, description="Weights that share a scale; that of the tier's int4 export."
    )


class OnPolicy(Settings):
    """In the last steps the student continues the corpus' prompts and learns what its teacher would
    have said at each token that it wrote (GKD): it meets its own mistakes."""

    share: float = Field(0.2, gt=0, le=1, description="Share of the steps, the last ones.")
    tokens: int = Field(64, ge=1, description="Longest continuation.")
    temperature: float = Field(
        1.0, gt=0, description="Below 1, likely tokens are written more often."
    )


class Distill(Settings):
    """How a student is trained on its teacher's signal."""

    tokens: int = Field(
        200_000, ge=1, description="Tokens of the corpus seen in training, padding not counted."
    )
    loss: tuple[Loss, ...] = Field(
        (ForwardKL(kind="forward_kl", weight=1.0),),
        min_length=1,
        description="Terms that are added up.",
    )
    signal: Literal["stored", "live"] = Field(
        "stored",
        description="Where the teacher's odds come from: `stored`, captured once for all tiers; or "
        "`live`, the teacher runs in every step (in bf16), which hidden_states needs.",
    )
    on_policy: OnPolicy | None = Field(
        None, description="End on what the student writes; left out, it learns from the corpus."
    )
    learning_rate: float = Field(1e-3, gt=0, description="Peak learning rate.")
    schedule: Literal["linear", "cosine", "constant"] = Field(
        "linear", description="How the learning rate falls after the warm-up."
    )
    warmup: float = Field(0.05, ge=0, lt=1, description="Share of the steps that warm up.")
    weight_decay: float = Field(0.0, ge=0)
    clip: float = Field(1.0, gt=0, description="Largest norm of the gradient.")
    batch: int = Field(4, ge=1, description="Blocks per optimizer step.")
    accumulate: int = Field(1, ge=1, description="Parts that a step's batch is cut into.")
    optimizer: Literal["adamw", "adamw_8bit"] = Field(
        "adamw", description="`adamw_8bit` keeps its state in 8 bits (bitsandbytes)."
    )
    precision: Literal["bf16", "fp32"] = Field("bf16", description="Of the arithmetic.")
    quantize: QuantizationAware | None = Field(
        None, description="End on the int4 grid; left out, training knows nothing of it."
    )
    seed: int = Field(0, description="Seed of the order in which blocks are seen.")
    checkpoint_steps: int = Field(
        50,
        ge=1,
        description="Steps between checkpoints, rounded up to those between entries of the "
        "history; a killed run goes on from the last.",
        json_schema_extra=NOT_IN_KEY,
    )
    distributed: DistributedTraining = Field(
        DistributedTraining(),
        description="Processes that share each step's batch.",
        json_schema_extra=NOT_IN_KEY,
    )

    @property
    def taught(self) -> bool:
        """Whether a teacher has any part in it."""
        return any(not isinstance(term, CrossEntropy) for term in self.loss)

    @property
    def reads_signal(self) -> bool:
        """Whether it learns from a signal that was captured before."""
        return self.taught and self.signal == "stored"

    @property
    def runs_teacher(self) -> bool:
        """Whether the teacher runs beside the student."""
        return self.taught and (self.signal == "live" or self.on_policy is not None)

    @model_validator(mode="after")
    def _optimizer_that_can_be_sharded(self) -> Self:
        if self.optimizer == "adamw_8bit" and self.distributed.sharding == "fsdp":
            raise ValueError(
                "`optimizer: adamw_8bit` has no rule for weights that fsdp has cut up. Use "
                "`optimizer: adamw`, or `distributed: {sharding: ddp}`"
            )
        return self

    @model_validator(mode="after")
    def _student_that_can_write(self) -> Self:
        if self.on_policy and not self.taught:
            raise ValueError(
                "`on_policy` needs a term with the teacher in it, such as reverse_kl or jsd: "
                "cross_entropy learns nothing from what the student wrote, where no answer is right"
            )
        if self.on_policy and self.distributed.sharding == "fsdp":
            raise ValueError(
                "`on_policy` needs a student that is whole in each process, to write with. Use "
                "`distributed: {sharding: ddp}`, or leave out `on_policy`"
            )
        return self
