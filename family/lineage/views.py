"""What the reading commands answer with. These shapes are the ones that `--json` prints.

A model's id is the first 16 digits of its key. Paths are absolute.
"""

from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from family.stage import Scalar, Verdict


class View(BaseModel):
    """A frozen answer."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Figure(View):
    """One measured figure. Two of them may be compared only if their protocols are equal."""

    name: str
    value: float
    n: int = Field(description="Samples behind the value; `unit` says of what.")
    interval: tuple[float, float] | None = Field(description="95 %; null where there is none.")
    unit: str
    protocol: str = Field(description="Digest of how it was measured.")


def is_task(figure: Figure) -> bool:
    """Whether it says how a model did at a task: `arc_easy:acc`, or what it kept of that."""
    return ":" in figure.name


class Measured(View):
    """Anything that figures are about."""

    metrics: tuple[Figure, ...]

    def figure(self, name: str) -> Figure | None:
        """The first figure of this name."""
        return next((figure for figure in self.metrics if figure.name == name), None)


class ModelFile(View):
    """One file on disk."""

    path: str
    bytes: int
    sha256: str


class Parent(View):
    """A model that another one came from, and how."""

    model: str
    name: str
    kind: str
    detail: dict[str, Scalar]


class Shipped(Measured):
    """What one precision of a member consists of: the weights, and the files beside them."""

    precision: str
    model: str
    name: str = Field(description="`quickstart/nano/int4`.")
    path: str = Field(description="The file that holds the weights.")
    bytes: int = Field(description="Of the weights.")
    sha256: str = Field(description="Of the weights.")
    folder: str = Field(description="What a runtime opens.")
    beside: tuple[ModelFile, ...] = Field(description="The other files of the folder.")
    parents: tuple[Parent, ...] = Field(description="What it was exported from, and how.")

    @property
    def files(self) -> tuple[ModelFile, ...]:
        """All files, by path."""
        weights = ModelFile(path=self.path, bytes=self.bytes, sha256=self.sha256)
        return tuple(sorted((weights, *self.beside), key=lambda file: file.path))

    @property
    def megabytes(self) -> float:
        """All files together, 1 MB = 1e6 bytes."""
        return sum(file.bytes for file in self.files) / 1e6


class GateResult(View):
    """What a tier's gate decided."""

    passed: bool
    verdicts: tuple[Verdict, ...]


class Member(Measured):
    """One model of the family, as it is now."""

    tier: str
    model: str
    name: str
    parameters: int
    architecture: str
    parents: tuple[Parent, ...] = Field(
        description="What the model, and the start that it was trained from, came from."
    )
    files: tuple[Shipped, ...]
    gate: GateResult | None = Field(description="Null until the gate has judged this very model.")

    def file(self, precision: str) -> Shipped | None:
        """What is shipped in this precision."""
        return next((file for file in self.files if file.precision == precision), None)


class FlagshipMember(Member):
    """The model that the family descends from. Its file is the checkpoint itself."""

    title: str = Field(description="How its makers call it.")
    licence: str


class Status(View):
    """A family as it is now, or as a release holds it; tiers from the largest to the smallest."""

    family: str
    version: str | None = Field(description="The release; null for the family as it is now.")
    store: str
    flagship: FlagshipMember | None
    tiers: tuple[Member, ...]

    @property
    def members(self) -> tuple[Member, ...]:
        """The flagship, then the tiers."""
        return (self.flagship, *self.tiers) if self.flagship else self.tiers


class LineageEdge(View):
    """How one model came from another."""

    child: str
    child_name: str
    parent: str
    parent_name: str
    kind: str
    detail: dict[str, Scalar]


class ModelRef(View):
    """Which model a name means."""

    model: str
    key: str
    name: str
    folder: str


class Dataset(View):
    """Data that a model, or one that it came from, was taught with."""

    id: str
    name: str = Field(description="`quickstart/prompts`.")
    kind: str = Field(description="`prompts`, `responses` or `blocks`.")
    digest: str = Field(description="SHA-256 over the names and digests of its files.")
    licence: str | None = Field(
        description="Of what was brought or a service gave, as the family file states it; null "
        "for what was made from them, to which their licence and the author's apply."
    )
    train: int = Field(description="Rows to train on.")
    held_out: int = Field(description="Rows that no training sees.")
    tokens: int | None = Field(description="Answer tokens to train on; null if uncounted.")
    made_from: tuple[str, ...] = Field(description="The data that it was made from.")
    generated_by: str | None = Field(
        description="The model or service that wrote it; null if none did."
    )
    taught: str = Field(description="The nearest model that was taught with it.")
    folder: str


class ModelCard(Measured):
    """Everything that is known about one model."""

    model: str
    key: str
    name: str
    names: tuple[str, ...] = Field(description="Every place where a family has it now.")
    precision: str
    parameters: int
    architecture: str
    shape: dict[str, int]
    digest: str = Field(description="SHA-256 over the names and digests of its files.")
    folder: str
    files: tuple[ModelFile, ...]
    parents: tuple[LineageEdge, ...]
    children: tuple[LineageEdge, ...]
    data: tuple[Dataset, ...] = Field(
        description="What it, or a model that it came from, was taught with; prompts first."
    )
    recipe: dict[str, Any] = Field(description="Stage, version, settings and inputs: its key.")
    facts: dict[str, Scalar] = Field(description="What its stage counted.")
    created: str = Field(description="When its making began; UTC, ISO 8601.")
    seconds: float
    energy_joules: float | None = Field(
        description="Of the machine's processors while it was made; null where they do not tell."
    )
    seed: int | None
    environment: dict[str, Scalar]
    prefect_run_id: str | None


class Contained(View):
    """A set of shipped files that a model went into."""

    name: str
    model: str
    precision: str
    now: bool = Field(description="Whether a family has it now; false if it was superseded.")
    folder: str
    files: tuple[ModelFile, ...]


class Reindexed(View):
    """What an index that was rebuilt from the store holds."""

    artifacts: int
    models: int
    edges: int
    releases: int
    decisions: int
    families: tuple[str, ...]
