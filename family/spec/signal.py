"""What a teacher says about a corpus, and how it is kept."""

from typing import Literal

from pydantic import Field

from family.spec.distributed import Distributed
from family.stage import NOT_IN_KEY, Settings


class TopK(Settings):
    """The k likeliest tokens with their log-probabilities, and the mass of all others."""

    kind: Literal["top_k"]
    k: int = Field(32, ge=1, le=1024)


class Signal(Settings):
    """What the teacher says about the corpus, captured once for every tier it teaches."""

    codec: TopK = Field(TopK(kind="top_k", k=32), description="How next-token odds are kept.")
    distributed: Distributed = Field(
        Distributed(),
        description="Processes that share the blocks.",
        json_schema_extra=NOT_IN_KEY,
    )
