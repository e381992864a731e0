"""What a family is taught with: prompts and the answers to them, text, and blocks of tokens."""

from typing import Annotated, Literal

from pydantic import Field

from family.spec.distributed import Distributed
from family.spec.terms import Terms
from family.stage import NOT_IN_KEY, Settings


class Split(Terms):
    """Samples, of which a share is kept from training by a hash of each sample's own text."""

    licence: str | None = Field(
        None,
        description="Its licence, one of `family/licences`: `CC-BY-4.0`, ..., `openai` if a "
        "service wrote them; `own` if its owner wrote them; `other`, with `terms`. Left out, "
        "`descent licences` says that it is not stated.",
        min_length=1,
        json_schema_extra=NOT_IN_KEY,
    )
    held_out: float = Field(
        0.15, gt=0, lt=1, description="Share held out, by a seeded hash of each sample itself."
    )
    seed: int = Field(0, description="Seed of that hash.")


class FromFile(Split):
    """Samples in a file of the user's own."""

    path: str = Field(
        description="The file, relative to the family file.",
        min_length=1,
        json_schema_extra=NOT_IN_KEY,
    )


class GrammarPrompts(Split):
    """Every request about every topic: one bounded domain."""

    kind: Literal["grammar"]
    licence: str = Field(
        "own",
        description="Its licence, one of `family/licences`, or `own`: whoever wrote the family "
        "file wrote them.",
        min_length=1,
        json_schema_extra=NOT_IN_KEY,
    )
    topics: tuple[str, ...] = Field(description="What is asked about.", min_length=1)
    requests: tuple[str, ...] = Field(
        description="What is asked, each with `{topic}` in it.", min_length=1
    )


class FilePrompts(FromFile):
    """Prompts of the user's own: a text file (one a line) or JSONL rows with `prompt`."""

    kind: Literal["file"]


Prompts = Annotated[GrammarPrompts | FilePrompts, Field(discriminator="kind")]


class Text(FromFile):
    """Text of the user's own, every token of which is a target: a text file whose documents are
    parted by blank lines, or JSONL rows with `text`, one a document."""


class Rows(FromFile):
    """Rows of the user's own, with or without a label: CSV, JSONL, Parquet, or a folder that
    `datasets` saved."""

    text: str = Field("text", min_length=1, description="The column of what is to be labelled.")
    label: str = Field(
        "label", min_length=1, description="The column of labels; a row's may be empty or missing."
    )
    labels: tuple[str, ...] | None = Field(
        None,
        min_length=2,
        description="Every label, in the order of the model's; left out, those of the rows to "
        "train on, sorted. A row with another is refused.",
    )
    held_out_path: str | None = Field(
        None,
        min_length=1,
        description="Rows that are held out, in a file of their own, instead of a share.",
        json_schema_extra=NOT_IN_KEY,
    )


class Responses(Settings):
    """The flagship answers the prompts."""

    kind: Literal["flagship"] = Field("flagship", json_schema_extra=NOT_IN_KEY)
    max_tokens: int = Field(96, ge=1, description="Longest answer, in tokens.")
    temperature: float = Field(0.0, ge=0, description="0 takes the likeliest token each time.")
    repetition_penalty: float = Field(
        1.0, ge=1, description="Above 1, words already written become less likely."
    )
    seed: int = Field(0, description="Seed of the sampling; unused at temperature 0.")
    batch: int = Field(32, ge=1, description="Prompts answered side by side.")
    distributed: Distributed = Field(
        Distributed(),
        description="Processes that share the batches.",
        json_schema_extra=NOT_IN_KEY,
    )


class Corpus(Settings):
    """How conversations and documents become blocks of tokens."""

    block: int = Field(
        256,
        ge=32,
        description="Tokens of a block. Whole conversations are packed into blocks of this one "
        "shape, since each new shape costs a compile; a longer conversation is left out, and a "
        "longer document is cut between words.",
    )
