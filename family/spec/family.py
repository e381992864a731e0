"""A whole family: its flagship, what it is taught with, and its tiers."""

from typing import Literal, Self

from pydantic import Field, model_validator

from family.placement import HeavyStage, Running
from family.spec.data import Corpus, Prompts, Responses, Rows, Split, Text
from family.spec.distill import Distill
from family.spec.endpoint import Answers, EndpointResponses
from family.spec.flagship import About, Flagship, Notices
from family.spec.names import DATA, FLAGSHIP, Name
from family.spec.post_train import PostTrain
from family.spec.shipping import Evaluate, Export, Gate, Verify
from family.spec.signal import Signal
from family.spec.student import FullVocabulary, PruneStart, Start, Vocabulary
from family.stage import NOT_IN_KEY, Settings
from family.upkeep import Rebuild


class Tier(Settings):
    """One member of the family."""

    description: str = Field("", json_schema_extra=NOT_IN_KEY)
    teacher: str = Field(FLAGSHIP, description="`flagship` or an earlier tier.")
    start: Start
    distill: Distill = Field(default_factory=Distill)
    post_train: PostTrain | None = Field(
        None, description="Goes on without its teacher, by the corpus alone, once it is distilled."
    )
    evaluate: Evaluate = Field(default_factory=Evaluate)
    export: tuple[Export, ...] = Field(
        (Export(precision="fp32"), Export(precision="int8"), Export(precision="int4")),
        description="File sets to write; `[]` writes none.",
    )
    verify: Verify = Field(default_factory=Verify)
    gate: Gate = Field(default_factory=Gate)


class FamilySpec(Settings):
    """A whole family."""

    family: Name = Field(description="Its name: lower case, digits, `-` and `_`.")
    description: str = ""
    task: Literal["causal-lm", "sequence-classification"] = Field(
        "causal-lm",
        description="`causal-lm` writes text; `sequence-classification` labels rows.",
        json_schema_extra=NOT_IN_KEY,
    )
    flagship: Flagship
    post_train: PostTrain | None = Field(
        None,
        description="The flagship is a base model, and is trained on the corpus before it teaches. "
        "A base model becomes a classifier so.",
    )
    prompts: Prompts | None = Field(
        None, description="What the teacher is asked; the tiers are taught with its answers."
    )
    responses: Answers = Field(
        default_factory=Responses,
        description="Who answers the prompts. Without `kind` it is the flagship.",
    )
    text: Text | None = Field(
        None,
        description="Text that the tiers are taught with; beside `prompts`, both make the corpus.",
    )
    rows: Rows | None = Field(
        None, description="With `task: sequence-classification`: what is labelled."
    )
    corpus: Corpus = Field(default_factory=Corpus)
    signal: Signal = Field(default_factory=Signal)
    vocabulary: Vocabulary = Field(default_factory=lambda: FullVocabulary(kind="full"))
    tiers: dict[Name, Tier] = Field(
        min_length=1, description="In order: a tier may build only on those above it."
    )
    runs_on: dict[HeavyStage, str] = Field(
        default_factory=dict,
        description="Which of Prefect's work pools runs a stage: `{distill: gpu, verify: edge}`; a "
        "stage that is left out runs where the build does. Workers see the store under the same "
        "path or URL. A pool for `verify`, which times decoding, should have nothing else to run "
        "and a limit of one run at a time.",
    )
    running: Running = Field(
        default_factory=Running, description="How many steps run side by side, and in what."
    )
    rebuild: Rebuild = Field(
        default_factory=Rebuild, description="When it is looked at again, and who lets it out."
    )

    @model_validator(mode="after")
    def _taught_with_something(self) -> Self:
        classifies = self.task == "sequence-classification"
        if classifies and self.data.keys() != {"rows"}:
            raise ValueError("`task: sequence-classification` is taught with `rows`, and no more")
        if not classifies and self.rows:
            raise ValueError("`rows` are for `task: sequence-classification`")
        if not self.data:
            raise ValueError(
                "the family is taught with nothing. Write `prompts`, which the flagship answers, "
                "or `text`"
            )
        return self

    @property
    def data(self) -> dict[str, Split]:
        """What the user brought to teach with, by its place in the family file."""
        return {name: held for name in DATA if (held := getattr(self, name))}

    @property
    def service(self) -> EndpointResponses | None:
        """Who answers the prompts, where it is not the flagship."""
        service = self.responses if isinstance(self.responses, EndpointResponses) else None
        return service if self.prompts else None

    @property
    def stated(self) -> dict[str, Split | EndpointResponses]:
        """What comes under terms of its own besides the flagship, by its place in the file."""
        return {**self.data, **({"responses": self.service} if self.service else {})}

    @property
    def about(self) -> About:
        """The words, without what they are about."""
        hub = self.flagship.hub_id
        flagship = {"name": self.flagship.name, **self.flagship.words(self.flagship.licence)}
        return About(
            description=self.description,
            flagship=flagship | ({"hub": hub} if hub else {}),
            data={name: held.words(held.licence) for name, held in self.stated.items()},
            tiers=tuple(self.tiers),
        )

    def notices(self, licence_digest: str | None = None) -> Notices:
        """What NOTICE has to tell; `licence_digest` is that of `flagship.licence_file`."""
        heirs = self.heirs()
        return Notices(
            family=self.family,
            changes=tuple(_change(name, tier) for name, tier in self.tiers.items()),
            through=("weights", "outputs") if heirs else ("outputs",),
            licence_file=self.flagship.licence_file,
            licence_digest=licence_digest,
        )

    def heirs(self) -> set[str]:
        """The tiers that have weights of the flagship's."""
        found = {FLAGSHIP}
        for name, tier in self.tiers.items():
            if isinstance(tier.start, PruneStart) and tier.start.parent in found:
                found.add(name)
        return found - {FLAGSHIP}


def _change(name: str, tier: Tier) -> str:
    """`edge: pruned from nano, taught by flagship, exported as fp32, int8, int4`."""
    began = "begun at random"
    if isinstance(tier.start, PruneStart):
        began = f"pruned from {tier.start.parent}"
    files = ", ".join(one.precision for one in tier.export)
    exported = f", exported as {files}" if files else ""
    return f"{name}: {began}, taught by {tier.teacher}{exported}"
