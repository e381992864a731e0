"""What a student learns from: weighted terms that are added up."""

from typing import Annotated, Literal

from pydantic import Field

from family.stage import Settings


class _Term(Settings):
    kind: str
    weight: float = Field(1.0, gt=0)

    @property
    def written(self) -> str:
        """`0.9 forward_kl (temperature 2)`, for records."""
        rest = self.model_dump(exclude={"kind", "weight"}, exclude_defaults=True)
        said = ", ".join(
            f"{name} {value:g}" if isinstance(value, float) else f"{name} {value}"
            for name, value in rest.items()
        )
        return f"{self.weight:g} {self.kind}" + (f" ({said})" if said else "")


class _Divergence(_Term):
    """Between what teacher and student expect next."""

    temperature: float = Field(
        1.0,
        gt=0,
        description="Softens both sides, and the term is multiplied by its square, which keeps the "
        "size of the gradient. Tokens that a top-k signal does not list are softened as one.",
    )


class ForwardKL(_Divergence):
    """KL(teacher || student) of the next token: covers all that the teacher may say."""

    kind: Literal["forward_kl"]


class ReverseKL(_Divergence):
    """KL(student || teacher): says only what the teacher would."""

    kind: Literal["reverse_kl"]


class JSD(_Divergence):
    """Generalised Jensen-Shannon divergence: from forward KL (`beta` near 0) to reverse KL."""

    kind: Literal["jsd"]
    beta: float = Field(0.5, gt=0, lt=1, description="The teacher's share of the mixture.")


class SkewedKL(_Divergence):
    """KL to a mixture of both (DistiLLM): smoother than KL, and bounded."""

    kind: Literal["skewed_kl"]
    alpha: float = Field(
        0.1, gt=0, lt=1, description="Share of the mixture of the side that is measured."
    )
    direction: Literal["forward", "reverse"] = Field(
        "forward", description="`forward` measures the teacher, `reverse` the student."
    )


class TotalVariation(_Divergence):
    """Half of the summed differences in probability: at most 1, whatever is rare."""

    kind: Literal["total_variation"]


class CrossEntropy(_Term):
    """Cross-entropy of what the corpus itself says next: no teacher in it."""

    kind: Literal["cross_entropy"]


class HiddenStates(_Term):
    """Squared distance of the student's hidden states, through a learned projection, from those of
    the teacher's layer at the same relative depth, as a share of the latter's squared length."""

    kind: Literal["hidden_states"]
    layers: Literal["last", "all"] | tuple[int, ...] = Field(
        "last", description="The student's layers that are matched, counted from 1: `[2, 4]`."
    )


Divergence = ForwardKL | ReverseKL | JSD | SkewedKL | TotalVariation
Loss = Annotated[Divergence | CrossEntropy | HiddenStates, Field(discriminator="kind")]
