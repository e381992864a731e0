"""Where a student starts: its vocabulary, its shape, and whose weights it takes."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from family.spec.budget import Budget, picked
from family.spec.distill import Distill
from family.spec.names import FLAGSHIP
from family.spec.shape import ModelShape
from family.stage import NOT_IN_KEY, Settings


class FullVocabulary(Settings):
    """Every tier keeps the flagship's vocabulary."""

    kind: Literal["full"]


class TrimmedVocabulary(Settings):
    """Every tier keeps the tokens that the training text uses, all bytes, the special tokens,
    and whatever the merges between them need: the text is tokenised as before, and any other
    text can still be written."""

    kind: Literal["trimmed"]
    expected: float = Field(
        1.0,
        gt=0,
        description="Also keep a token that the teacher would be expected to write this many "
        "times along the training text (its probability, summed over positions).",
    )
    multiple: int = Field(32, ge=1, description="Round the size up to a multiple of this.")


Vocabulary = Annotated[FullVocabulary | TrimmedVocabulary, Field(discriminator="kind")]


class Shape(Settings):
    """A tier's shape; what is left out stays as in the model that it starts from."""

    layers: int | None = Field(None, ge=1)
    hidden: int | None = Field(None, ge=1, description="A multiple of 32, which int4 blocks need.")
    intermediate: int | None = Field(None, ge=1, description="A multiple of 32, likewise.")
    heads: int | None = Field(None, ge=1, description="A multiple of `kv_heads`.")
    kv_heads: int | None = Field(None, ge=1)
    context: int | None = Field(
        None, ge=32, description="Longest sequence; exported files hold a table of this length."
    )

    def of(self, parent: ModelShape, vocabulary: int | None = None) -> ModelShape:
        """The full shape of a student whose parent has the shape `parent`."""
        asked = self.model_dump(exclude_none=True, exclude={"context"})
        if vocabulary is not None:
            asked["vocabulary"] = vocabulary
        return parent.model_copy(update=asked)


class _Start(Settings):
    parent: str = Field(
        FLAGSHIP,
        alias="from",
        description="`flagship` or an earlier tier.",
        json_schema_extra=NOT_IN_KEY,
    )
    shape: Shape = Field(default_factory=Shape)
    budget: Budget | None = Field(
        None, description="A bound on the size, which picks the shape; `shape` may add a context."
    )

    def target(self, parent: ModelShape, vocabulary: int | None = None) -> ModelShape:
        """The full shape of a student whose parent has the shape `parent`.

        Raises UnreachableError for a budget that no shape meets."""
        whole = self.shape.of(parent, vocabulary)
        return picked(self.budget.parameters, whole) if self.budget else whole


class PruneStart(_Start):
    """Start from the parent's weights, with what matters least to them cut away."""

    kind: Literal["prune"]
    layer_choice: Literal["influence", "loss", "spaced"] = Field(
        "influence",
        description="Keep the layers that change their input most on the corpus; or take away, "
        "one after the other, the layer whose loss hurts least (slow: a pass for each layer and "
        "step); or keep layers at even distances.",
    )
    calibration: int = Field(8, ge=1, description="Blocks over which importance is measured.")


class RandomStart(_Start):
    """Start from random weights in the parent's architecture: a control, and little else."""

    kind: Literal["random"]
    seed: int = 0


class CandidateStart(PruneStart):
    """Several shapes, of which the best is taken: each is pruned from the parent, and distilled for
    a while."""

    kind: Literal["candidates"]  # type: ignore[assignment]
    shapes: tuple[Shape, ...] = Field(
        min_length=2, description="The candidates; what one leaves out it takes from `shape`."
    )
    trial: Distill = Field(
        Distill(tokens=20_000), description="How each is distilled: less than once over the corpus."
    )

    @property
    def each(self) -> tuple[PruneStart, ...]:
        """Every candidate as the start that it would be."""
        shared = {
            name: getattr(self, name)
            for name in PruneStart.model_fields
            if name not in ("kind", "shape")
        }
        shapes = (
            self.shape.model_copy(update=one.model_dump(exclude_none=True)) for one in self.shapes
        )
        return tuple(PruneStart(kind="prune", shape=one, **shared) for one in shapes)

    def target(self, parent: ModelShape, vocabulary: int | None = None) -> ModelShape:
        """The largest of the candidates, since nobody knows which it will be."""
        found = (one.target(parent, vocabulary) for one in self.each)
        return max(found, key=lambda shape: shape.parameters)

    @model_validator(mode="after")
    def _shapes_not_budgets(self) -> Self:
        if self.budget:
            raise ValueError(
                "candidates are `shapes`; a `budget` picks one by itself. Leave one out"
            )
        return self


Start = Annotated[PruneStart | RandomStart | CandidateStart, Field(discriminator="kind")]
