"""Post-training: a model goes on learning from what is known to be right, without a teacher."""

from typing import Self

from pydantic import Field, model_validator

from family.spec.distill import Distill
from family.spec.losses import CrossEntropy, Loss


class PostTrain(Distill):
    """How a model is trained on the corpus alone: by the labels of rows, or the text's own tokens.

    Rows without a label are passed over."""

    loss: tuple[Loss, ...] = Field(
        (CrossEntropy(kind="cross_entropy", weight=1.0),),
        min_length=1,
        description="`cross_entropy`, since there is no teacher.",
    )

    @model_validator(mode="after")
    def _without_a_teacher(self) -> Self:
        if self.taught:
            raise ValueError(
                "post-training has no teacher to be compared with. Use `loss: [{kind: "
                "cross_entropy}]`, or a tier's `distill`"
            )
        return self
