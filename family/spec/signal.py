"""What a teacher says about a corpus, and how it is kept."""

from typing import Annotated, Literal

from pydantic import Field

from family.spec.distributed import Distributed
from family.stage import NOT_IN_KEY, Settings

#: Bytes of a token's id: the low 16 bits, and the others where a vocabulary needs them.
ID_BYTES = {False: 2, True: 3}
#: Different tokens among those that are drawn, for each draw. Assumed: a teacher is mostly sure of
#: itself, and how sure depends on the text.
DIFFERENT = 0.35


class Dense(Settings):
    """Every token's log-probability, in float16: for measuring what other codecs lose."""

    kind: Literal["dense"]

    def row_bytes(self, vocabulary: int) -> float:
        """Bytes of one target."""
        return 2 * vocabulary


class TopK(Settings):
    """The k likeliest tokens with their probabilities, and the mass of all others; 3 bytes a
    token, or 4 where the vocabulary has more than 65,536."""

    kind: Literal["top_k"]
    k: int = Field(32, ge=1, le=1024)

    def row_bytes(self, vocabulary: int) -> float:
        """Bytes of one target."""
        return min(self.k, vocabulary) * (ID_BYTES[vocabulary > 1 << 16] + 1)


class Sampled(Settings):
    """Tokens drawn from the teacher's odds, as often as they were drawn: right on average, rare
    tokens included, whatever number is drawn ("Sparse Logit Sampling", arXiv 2503.16870)."""

    kind: Literal["sampled"]
    draws: int = Field(64, ge=1, le=255, description="Tokens drawn at each target.")
    power: float = Field(
        1.0,
        gt=0,
        le=2,
        description="They are drawn from the odds to this power, and weighted by what that "
        "changed: below 1, rare tokens are drawn more often.",
    )
    seed: int = Field(0, ge=0, description="Seed of the draws.")

    def row_bytes(self, vocabulary: int) -> float:
        """Bytes of one target, about: how many tokens differ is known once they are drawn."""
        weight = 1 if self.power == 1 else 2
        different = max(1.0, min(DIFFERENT * self.draws, vocabulary))
        return 1 + different * (ID_BYTES[vocabulary > 1 << 16] + weight)


Codec = Annotated[Dense | TopK | Sampled, Field(discriminator="kind")]
TeacherPrecision = Literal["bf16", "int8", "nf4"]


class Signal(Settings):
    """What the teacher says about the corpus, captured once for every tier it teaches."""

    codec: Codec = Field(TopK(kind="top_k", k=32), description="How next-token odds are kept.")
    teacher_precision: TeacherPrecision = Field(
        "bf16",
        description="How the teacher is held while it reads: `int8` and `nf4` (bitsandbytes) where "
        "it would not fit. What that changes is measured as a KL and stays with the record. `nf4` "
        "is for teachers of a billion parameters and more.",
    )
    distributed: Distributed = Field(
        Distributed(),
        description="Processes that share the blocks.",
        json_schema_extra=NOT_IN_KEY,
    )
