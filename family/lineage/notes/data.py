"""What release notes say, as data: all that a template gets to see."""

from typing import Literal

from pydantic import Field, JsonValue

from family.lineage.changes import EdgeChange
from family.lineage.released import Decided
from family.lineage.views import ModelFile, Parent, View
from family.spec import RETENTION
from family.stage import Scalar, Verdict

Standing = Literal["better", "worse", "within", "same", "new", "apart"]


class Fragment(View):
    """Something that a person wrote for these notes."""

    file: str = Field(description="Its name in the folder of fragments.")
    section: str = Field(description="The heading that it stands under.")
    title: str | None
    tiers: tuple[str, ...] = Field(description="Whom it is about; empty for the whole family.")
    text: str = Field(description="Markdown.")


class Stamp(View):
    """A release, as its record has it."""

    version: str
    change: str = Field(description="`first`, `major`, `minor` or `patch`.")
    by: str
    note: str
    created: str = Field(description="UTC, ISO 8601.")


class Compared(View):
    """One figure now, and what it was before."""

    name: str
    unit: str
    value: float
    n: int = Field(description="Samples behind the value; `unit` says of what.")
    interval: tuple[float, float] | None = Field(description="95 %; null where there is none.")
    before: float | None = Field(
        description="Null where there was none, or none that it may be compared with."
    )
    before_interval: tuple[float, float] | None
    standing: Standing = Field(
        description="Against before: `within` is less of a change than counts; `apart` may not be "
        "compared."
    )
    why: str = Field(description="With `apart`: why they may not be compared.")

    @property
    def change(self) -> float | None:
        """By how much it moved."""
        return None if self.before is None else self.value - self.before


class Finding(View):
    """A figure that moved, and whose it is."""

    of: str = Field(description="`mini`, or `mini/int4` for files.")
    figure: Compared


class Gone(View):
    """Something that was there before and is no longer."""

    of: str
    what: str


class Bound(View):
    """One bound of a gate, and what it was before."""

    tier: str
    verdict: Verdict
    before: float | None = Field(description="The limit before; null where there was none.")
    eased: bool = Field(description="Whether less is asked than before.")


class FileNotes(View):
    """One precision that is shipped."""

    precision: str
    model: str
    name: str
    sha256: str = Field(description="Of the weights.")
    figures: tuple[Compared, ...]
    parents: tuple[Parent, ...]
    files: tuple[ModelFile, ...] = Field(
        description="All its files; paths are in the release's folder, else in the store."
    )

    def figure(self, name: str) -> Compared | None:
        """The figure of this name."""
        return next((figure for figure in self.figures if figure.name == name), None)


class MemberNotes(View):
    """The flagship or a tier: what it is, and what it was."""

    tier: str
    model: str
    name: str
    title: str
    parameters: int
    parameters_before: int | None
    architecture: str
    standing: Literal["new", "made anew", "the same"] = Field(
        description="The model itself, against before."
    )
    figures: tuple[Compared, ...]
    files: tuple[FileNotes, ...]
    parents: tuple[Parent, ...] = Field(
        description="What the model, and the start that it was trained from, came from."
    )
    passed: bool | None = Field(description="Its gate; null if none has judged it.")

    def figure(self, name: str) -> Compared | None:
        """The figure of this name."""
        return next((figure for figure in self.figures if figure.name == name), None)


class Cause(View):
    """Something that was changed, and the tiers that are others for it."""

    kind: Literal["setting", "code", "data", "input"]
    step: str = Field(description="Whose: `nano · distill`.")
    what: str
    before: JsonValue
    after: JsonValue
    tiers: tuple[str, ...]


class Surroundings(View):
    """A package or a fact of the machine that differs; no key depends on it."""

    what: str
    before: Scalar | None
    after: Scalar | None
    tiers: tuple[str, ...]


class Effort(View):
    """What it took to make one artifact, when it was made."""

    step: str = Field(description="`family · signal`, `nano · distill`.")
    artifact: str
    tiers: tuple[str, ...] = Field(description="The tiers that were made with it.")
    teachers: tuple[str, ...] = Field(description="Whose answers or outputs it is about.")
    counted: dict[str, Scalar] = Field(description="Tokens, steps, samples.")
    seconds: float
    joules: float | None = Field(description="Null where the machine does not tell.")
    machine: str = Field(description="Processor and accelerator; empty if not recorded.")
    anew: bool | None = Field(description="Null where there is nothing before.")


class DataNotes(View):
    """A data set that tiers were taught with."""

    name: str
    artifact: str
    kind: str
    train: int
    held_out: int
    tokens: int | None
    digest: str = Field(description="SHA-256 over the names and digests of its files.")
    tiers: tuple[str, ...]


class Duty(View):
    """What a licence asks of some tiers."""

    subject: str = Field(description="What a waiver names: `llama3.1/name`.")
    kind: str = Field(description="`text`, `notice`, `name`, `duty` or `forbid`.")
    says: str
    source: str
    section: str
    of: str = Field(description="The model that is under the licence.")
    through: str = Field(description="`weights` or `outputs`.")
    status: str
    tiers: tuple[str, ...]
    waived: Decided | None


class LicenceNotes(View):
    """A model that the family came from or data that taught it, and its licence."""

    name: str
    model: str
    licence: str
    about: str
    permission: str | None = Field(description="Who allowed what it forbids, as the user says.")
    tiers: tuple[str, ...]


class Notes(View):
    """The release notes of a family, as data."""

    family: str
    release: Stamp | None = Field(description="Null for the family as it is now.")
    before: Stamp | None = Field(description="What it is compared with; null if with nothing.")
    flagship: MemberNotes | None
    tiers: tuple[MemberNotes, ...]
    worse: tuple[Finding, ...]
    better: tuple[Finding, ...]
    apart: tuple[Finding, ...] = Field(description="Figures that may not be compared.")
    gone: tuple[Gone, ...]
    gates: tuple[Bound, ...]
    causes: tuple[Cause, ...]
    edges: tuple[EdgeChange, ...]
    surroundings: tuple[Surroundings, ...]
    teaching: tuple[Effort, ...] = Field(description="What teachers answered and put out, once.")
    training: tuple[Effort, ...] = Field(description="What making the students took.")
    data: tuple[DataNotes, ...]
    licences: tuple[LicenceNotes, ...]
    duties: tuple[Duty, ...]
    remark: str = Field(description="What the duties are not: legal advice.")
    decisions: tuple[Decided, ...]
    fragments: tuple[Fragment, ...]

    @property
    def members(self) -> tuple[MemberNotes, ...]:
        """The flagship, then the tiers."""
        return (self.flagship, *self.tiers) if self.flagship else self.tiers

    @property
    def tasks(self) -> tuple[str, ...]:
        """What was kept of the flagship's figures at tasks, by name."""
        of_models = [one.name for tier in self.tiers for one in tier.figures]
        of_files = [one.name for tier in self.tiers for file in tier.files for one in file.figures]
        names = dict.fromkeys((*of_models, *of_files))
        return tuple(name for name in names if name.endswith(RETENTION))
