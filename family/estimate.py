"""What a plan costs: tokens, minutes, disk and peak memory of each stale step. Pure.

A step's work is its model's parameters times the tokens that pass through it. Seconds per unit
of work come from what the store says about earlier builds on this machine, else from `PACE`. Where
a shape or a count is not known yet, the estimate says None and guesses nothing.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from statistics import mean, median
from typing import Literal

from pydantic import Field

from family.plan import Planned, Step
from family.spec import (
    FLAGSHIP,
    CandidateStart,
    Corpus,
    Distill,
    EndpointResponses,
    Evaluate,
    Export,
    FamilySpec,
    Flagship,
    FullVocabulary,
    GrammarPrompts,
    LMEval,
    ModelShape,
    PruneStart,
    RandomStart,
    Responses,
    Rouge,
    Signal,
    TrimmedVocabulary,
    UnreachableError,
    Verify,
)
from family.stage import Settings, keyed
from family.store import Manifest

FindManifest = Callable[[str], Manifest | None]


class Estimate(Settings):
    """What a step will cost; null where it cannot be known yet."""

    tokens: int | None = Field(description="Tokens read, written or trained on.")
    minutes: float | None = Field(description="On this machine, one step after the other.")
    disk_bytes: int | None = Field(description="What stays on disk.")
    peak_memory_bytes: int | None = Field(description="Of the process that runs it.")


class StagePlan(Settings):
    """What will become of one stage of one tier."""

    tier: str = Field(description="Empty for what all tiers share.")
    stage: str = Field(description="The step, with its variant: `distill`, `export:int4`.")
    key: str = Field(description="SHA-256 of the recipe; names the artifact in the store.")
    status: Literal["stale", "reused"]
    reason: str = Field(description="Why it is stale, by the setting that changed.")
    estimate: Estimate = Field(description="All zero for a reused stage.")


class Assistant(Settings):
    """A tier that might stand between a tier and its teacher, since the step is large."""

    tier: str
    teacher: str
    times: float = Field(description="The teacher's weights over the tier's.")
    parameters: int = Field(description="Of the assistant: the geometric mean of the two.")
    tokens: int = Field(description="To train it on, as many as the tier.")
    minutes: float = Field(description="To train it and to capture what it says.")


class PlanReport(Settings):
    """What a build would do now."""

    family: str
    stages: tuple[StagePlan, ...]
    total: Estimate = Field(
        description="Tokens, minutes and disk added up, the largest memory; null if any is."
    )
    calibrated: tuple[str, ...] = Field(
        description="Stages whose pace was measured on this machine; others use stated defaults."
    )
    assistants: tuple[Assistant, ...] = Field(
        (), description="Tiers that might be put between; for the spec to decide."
    )


NOTHING = Estimate(tokens=0, minutes=0.0, disk_bytes=0, peak_memory_bytes=0)
UNKNOWN = Estimate(tokens=None, minutes=None, disk_bytes=None, peak_memory_bytes=None)


# ---- how fast, where no earlier build says it ----------------------------------------------


@dataclass(frozen=True)
class Pace:
    """Seconds of a stage: `fixed`, and `rate` for each parameter times token."""

    fixed: float
    rate: float = 0.0

    def seconds(self, work: float) -> float:
        return self.fixed + self.rate * work


START = 4.0  # a child process with torch
TRAINING = 250e9  # floating-point operations per second, bfloat16, six per parameter and token
FORWARD = 1 / (1_900 * 134.5e6)
PACE = {
    "about": Pace(0.1),
    "notices": Pace(0.1),
    "flagship": Pace(START + 10, 1e-7),
    "prompts": Pace(0.1),
    "text": Pace(0.1),
    "rows": Pace(0.1),
    "responses": Pace(START, 1 / (700 * 134.5e6)),
    "kept": Pace(START),
    "corpus": Pace(START),
    "signal": Pace(START, FORWARD),
    "vocabulary": Pace(START),
    "candidates": Pace(2 * START, 6 / TRAINING),
    "start": Pace(START, 5e-8),
    "distill": Pace(START + 10, 6 / TRAINING),
    "post_train": Pace(START + 10, 6 / TRAINING),
    "evaluate": Pace(START + 2, FORWARD),
    "export": Pace(START + 5, 7e-8),
    "verify": Pace(START + 10, FORWARD),
    "capabilities": Pace(START + 10, FORWARD),
    "references": Pace(0.1),
    "rouge": Pace(START + 2, 1 / (700 * 134.5e6)),
    "gate": Pace(0.1),
}

#: Seconds that a service takes for an answer, which nobody here can know.
SERVED = 5.0
#: Share of `max_tokens` that an answer has, and tokens of a prompt with its template.
ANSWER_FILL, PROMPT_TOKENS = 0.75, 40
#: Share of a block that whole conversations fill.
BLOCK_FILL = 0.9
#: Heaps' law: n tokens of text hold about HEAPS[0] * n ** HEAPS[1] different ones; all bytes stay.
HEAPS, BYTES = (12.0, 0.6), 256
#: How many times a tier its teacher may be before an assistant is suggested.
LARGE_STEP = 2
#: A process with torch before any weight is in it, and the files of a tokenizer.
BASE_MEMORY, TOKENIZER = 600_000_000, 4_000_000
#: Bytes of a weight on disk, scales included.
FILE_BYTES = {"fp32": 4.0, "int8": 1.1, "int4": 0.65}


# ---- the report ----------------------------------------------------------------------------


def report(
    spec: FamilySpec,
    planned: Iterable[Planned],
    manifest: FindManifest,
    earlier: Iterable[Manifest] = (),
) -> PlanReport:
    """The plan with what each stale step will cost.

    `manifest` finds what is sealed under a key: known shapes and counts replace estimated ones.
    `earlier` are the manifests of builds on this machine, whose seconds set the pace.
    """
    pace = calibrated(spec, earlier, manifest)
    found = list(planned)
    family = Sizes(spec, {one.step.id: manifest(one.step.recipe.key) for one in found})
    stages = tuple(
        StagePlan(
            tier=one.step.tier,
            stage=one.step.name,
            key=one.step.recipe.key,
            status=one.status,
            reason=one.reason,
            estimate=NOTHING if one.status == "reused" else family.estimate(one.step, pace),
        )
        for one in found
    )
    return PlanReport(
        family=spec.family,
        stages=stages,
        total=_total([stage.estimate for stage in stages]),
        calibrated=tuple(sorted(pace)),
        assistants=tuple(family.assistants(pace)),
    )


def _total(estimates: list[Estimate]) -> Estimate:
    def every(name: str) -> list[float] | None:
        values = [getattr(one, name) for one in estimates]
        return None if None in values else values

    tokens, minutes, disk = every("tokens"), every("minutes"), every("disk_bytes")
    memory = every("peak_memory_bytes")
    return Estimate(
        tokens=None if tokens is None else int(sum(tokens)),
        minutes=None if minutes is None else round(sum(minutes), 2),
        disk_bytes=None if disk is None else int(sum(disk)),
        peak_memory_bytes=None if memory is None else int(max(memory, default=0)),
    )


# ---- how large a step is -------------------------------------------------------------------


@dataclass(frozen=True)
class Size:
    """The parameters that run in a step and the tokens that pass through them."""

    parameters: int = 0
    tokens: int = 0

    @property
    def work(self) -> float:
        return float(self.parameters) * max(self.tokens, 1)


#: Stage -> its inputs whose models run in it. The flagship's stage runs what it makes.
RUNS = {
    "responses": ("flagship",),
    "signal": ("teacher",),
    "candidates": ("parent",),
    "start": ("parent",),
    "distill": ("student",),
    "post_train": ("student",),
    "evaluate": ("model", "reference"),
    "export": ("model",),
    "verify": ("model",),
    "capabilities": ("model", "fp32", "int8", "int4"),
    "rouge": ("model",),
}


def calibrated(
    spec: FamilySpec, earlier: Iterable[Manifest], manifest: FindManifest
) -> dict[str, float]:
    """Stage -> how many times as long as `PACE` says it took on this machine, on median."""
    ratios: dict[str, list[float]] = {}
    for sealed in earlier:
        stage = sealed.recipe["stage"]
        if stage in PACE and (size := _sealed_size(spec, sealed, manifest)):
            expected = PACE[stage].seconds(size.work)
            ratios.setdefault(stage, []).append(sealed.origin.seconds / expected)
    return {stage: median(values) for stage, values in ratios.items()}


def _sealed_size(spec: FamilySpec, sealed: Manifest, manifest: FindManifest) -> Size | None:
    """How large a step was; None if the store no longer knows."""
    stage, inputs = sealed.recipe["stage"], sealed.recipe["inputs"]
    settings = sealed.recipe["settings"]
    runs = [manifest(inputs[name]) for name in RUNS.get(stage, ()) if name in inputs]
    if stage == "distill" and (settings.get("signal") == "live" or settings.get("on_policy")):
        runs.append(manifest(inputs["teacher"]))
    if stage == "flagship":
        runs = [sealed]
    models = [found.outcome.model for found in runs if found and found.outcome.model]
    facts = sealed.outcome.facts
    tokens = float(facts.get("tokens", facts.get("answer_tokens", 0)))
    if stage in ("evaluate", "verify"):
        corpus = manifest(inputs.get("corpus", ""))
        tokens = float(corpus.outcome.facts["tokens"]) * _held(spec) if corpus else 0.0
    if len(models) < len(runs):
        return None
    return Size(_working(stage, [model.parameters for model in models]), round(tokens))


def _working(stage: str, parameters: list[int]) -> int:
    """The parameters that a token passes through, in units of what the stage's pace is for."""
    if stage == "distill":  # two operations of a teacher's, six of the student's
        return parameters[0] + sum(parameters[1:]) // 3
    return sum(parameters)


def _held(spec: FamilySpec) -> float:
    """Held-out tokens for each token that is trained on."""
    share = mean(held.held_out for held in spec.data.values())
    return share / (1 - share)


class Sizes:
    """Shapes and counts of one spec: sealed ones where there are, else those it asks for.

    `corpus_tokens` stands in for the count of a corpus whose prompts are nowhere to be counted.
    """

    def __init__(
        self,
        spec: FamilySpec,
        sealed: Mapping[str, Manifest | None],
        corpus_tokens: int | None = None,
    ) -> None:
        self._spec = spec
        self._sealed = sealed
        self._corpus_tokens = corpus_tokens
        self._answer = ANSWER_FILL * spec.responses.max_tokens
        self._prompts = self._count_prompts()
        self._corpus = self._count_corpus()
        self.shapes = self._find_shapes()

    def estimate(self, step: Step, pace: Mapping[str, float]) -> Estimate:
        models = self.models(step)
        known = [model for model in models if model]
        tokens = self.tokens(step.recipe.settings)
        if len(known) < len(models) or tokens is None:
            return UNKNOWN
        size = Size(_working(step.recipe.stage, [model.parameters for model in known]), tokens)
        seconds = PACE[step.recipe.stage].seconds(size.work) * pace.get(step.recipe.stage, 1.0)
        if isinstance(step.recipe.settings, EndpointResponses):
            seconds = START + self._served(step.recipe.settings)
        return Estimate(
            tokens=tokens,
            minutes=round(seconds / 60, 2),
            disk_bytes=round(self.disk(step, known, tokens)),
            peak_memory_bytes=round(self.memory(step, known)),
        )

    def assistants(self, pace: Mapping[str, float]) -> Iterator[Assistant]:
        """Where a tier is less than half of its teacher (Mirzadeh et al. 2020 put an assistant in
        such gaps), one in the middle."""
        for name, tier in self._spec.tiers.items():
            teacher, student = self.shapes[tier.teacher], self.shapes[name]
            if not teacher or not student or teacher.parameters <= LARGE_STEP * student.parameters:
                continue
            middle = round((teacher.parameters * student.parameters) ** 0.5)
            costs = {"distill": tier.distill.tokens, "signal": self._corpus or 0}
            seconds = sum(
                PACE[stage].seconds(Size(middle, tokens).work) * pace.get(stage, 1.0)
                for stage, tokens in costs.items()
            )
            yield Assistant(
                tier=name,
                teacher=tier.teacher,
                times=round(teacher.parameters / student.parameters, 2),
                parameters=middle,
                tokens=tier.distill.tokens,
                minutes=round(seconds / 60, 2),
            )

    def _served(self, service: EndpointResponses) -> float:
        """Seconds until a service has answered all prompts."""
        at_a_time = SERVED / service.concurrency
        if service.requests_per_minute:
            at_a_time = max(at_a_time, 60 / service.requests_per_minute)
        return sum(self._prompts or ()) * at_a_time

    # ---- counts

    def _fact(self, step: str, name: str) -> int | None:
        found = self._sealed.get(step)
        value = found.outcome.facts.get(name) if found else None
        return None if value is None else int(value)

    def _count_prompts(self) -> tuple[int, int] | None:
        """Prompts to train on and held out; None for a file that was not read yet."""
        if self._spec.prompts is None:
            return 0, 0
        train, held = (self._fact("/prompts", f"{name}_prompts") for name in ("train", "held_out"))
        if train is not None and held is not None:
            return train, held
        if self._corpus_tokens is not None:
            train = round(self._corpus_tokens / (PROMPT_TOKENS + self._answer))
            return train, round(train * _held(self._spec))
        prompts = self._spec.prompts
        if not isinstance(prompts, GrammarPrompts):
            return None
        count = len(prompts.topics) * len(prompts.requests)
        held = round(count * prompts.held_out)
        return count - held, held

    def _count_corpus(self) -> int | None:
        known = self._fact("/corpus", "tokens")
        if known is not None or self._prompts is None:
            return known
        if self._spec.text or self._spec.rows:
            return self._corpus_tokens  # nobody has read it yet
        return round(self._prompts[0] * (PROMPT_TOKENS + self._answer))

    def tokens(self, settings: Settings) -> int | None:
        """Tokens that pass through a step's models; 0 where none does."""
        match settings:
            case Responses() | EndpointResponses():
                return round(sum(self._prompts) * self._answer) if self._prompts else None
            case Corpus() | Signal():
                return self._corpus
            case Evaluate() | Verify():
                return None if self._corpus is None else round(self._corpus * _held(self._spec))
            case Distill():
                return settings.tokens
            case CandidateStart(shapes=shapes, trial=trial):
                return len(shapes) * trial.tokens
            case LMEval():
                return self._asked(settings)
            case Rouge(max_tokens=longest):
                references = self._fact("/references", "references")
                held = references or (self._prompts and self._prompts[1])
                return None if held is None else held * (PROMPT_TOKENS + longest)
        return 0

    def _asked(self, settings: LMEval) -> int | None:
        """Tokens of tasks, which are data of their own: as many as a model has read of them."""
        for found in self._sealed.values():
            if found and found.recipe["settings"] == keyed(settings):
                return int(found.outcome.facts["tokens"])
        return None

    # ---- shapes

    def _shape(self, step: str) -> ModelShape | None:
        found = self._sealed.get(step)
        if found and found.outcome.model:
            return ModelShape.model_validate(found.outcome.model.shape)
        return None

    def _find_shapes(self) -> dict[str, ModelShape | None]:
        """Shape of the flagship and of each tier."""
        flagship = self._shape("/flagship") or self._spec.flagship.shape
        shapes: dict[str, ModelShape | None] = {FLAGSHIP: flagship}
        for name, tier in self._spec.tiers.items():
            parent = shapes[tier.start.parent]
            trimmed = self._vocabulary(parent) if tier.start.parent == FLAGSHIP else None
            try:
                asked = tier.start.target(parent, trimmed) if parent else None
            except UnreachableError:  # perhaps not, in the vocabulary that it will be
                asked = None
            shapes[name] = self._shape(f"{name}/start") or asked
        return shapes

    def _vocabulary(self, flagship: ModelShape | None) -> int | None:
        """Tokens that a trimmed vocabulary keeps; None for a full one."""
        if isinstance(self._spec.vocabulary, FullVocabulary) or flagship is None:
            return None
        factor, power = HEAPS
        guess = round(factor * (self._corpus or 0) ** power) + BYTES
        return self._fact("/vocabulary", "tokens_kept") or min(flagship.vocabulary, guess)

    def models(self, step: Step) -> list[ModelShape | None]:
        """The models that run in a step; in a training the student comes first."""
        settings, names = step.recipe.settings, RUNS.get(step.recipe.stage, ())
        if isinstance(settings, Flagship):
            return [self.shapes[FLAGSHIP]]
        if isinstance(settings, CandidateStart):
            return [self.shapes[step.tier]]
        if isinstance(settings, EndpointResponses):
            return []
        if isinstance(settings, Distill) and settings.runs_teacher:
            names = (*names, "teacher")
        makers = (step.sources[name] for name in names if name in step.sources)
        return [self.shapes[maker.partition("/")[0] or FLAGSHIP] for maker in makers]

    # ---- bytes

    def disk(self, step: Step, models: list[ModelShape], tokens: int) -> float:
        """What a step leaves on disk."""
        match step.recipe.settings:
            case Flagship() | Distill():
                return 4 * models[0].parameters + TOKENIZER
            case PruneStart() | RandomStart():
                student = self.shapes[step.tier]
                return 4 * (student.parameters if student else 0) + TOKENIZER
            case Responses() | EndpointResponses():
                return 10 * tokens
            case Corpus(block=block):
                return 13 * tokens / BLOCK_FILL + block
            case Signal(codec=codec):
                # A row for each token of an answer.
                share = self._answer / (PROMPT_TOKENS + self._answer)
                answered = tokens * share if self._spec.prompts else tokens
                return answered * codec.row_bytes(models[0].vocabulary) + 4 * models[0].vocabulary
            case Export(precision=precision):
                return FILE_BYTES[precision] * models[0].parameters + TOKENIZER
            case TrimmedVocabulary():
                return TOKENIZER
        return 10_000

    def memory(self, step: Step, models: list[ModelShape]) -> float:
        """Weights at the precision they are held in, and the largest tensors next to them."""
        match step.recipe.settings:
            case Flagship():
                return BASE_MEMORY + 12 * models[0].parameters
            case Responses(batch=batch, max_tokens=longest):
                model, length = models[0], PROMPT_TOKENS + longest
                cache = 4 * batch * length * model.layers * model.kv_heads * model.head_dim
                return BASE_MEMORY + 2 * model.parameters + cache + 8 * batch * model.vocabulary
            case Signal():
                model = models[0]
                head = 4 * model.hidden * model.vocabulary
                # In fewer bits it is measured against itself in bfloat16, which is read in before.
                return BASE_MEMORY + 2 * model.parameters + head + 8 * 256 * model.vocabulary
            case PruneStart() | RandomStart():
                return BASE_MEMORY + 8 * models[0].parameters
            case Distill(batch=batch, accumulate=parts, optimizer=optimizer):
                model = models[0]
                state = 10 if optimizer == "adamw_8bit" else 16
                width = 16 * model.hidden + 8 * model.intermediate
                kept = 2 * batch / parts * self._spec.corpus.block * model.layers * width
                teacher = sum(2 * other.parameters for other in models[1:])
                return BASE_MEMORY + state * model.parameters + kept + teacher
            case Evaluate(batch=batch):
                logits = 8 * batch * self._spec.corpus.block * models[-1].vocabulary
                return BASE_MEMORY + 4 * models[0].parameters + 2 * models[-1].parameters + logits
            case Export() | Verify():
                return BASE_MEMORY + 12 * models[0].parameters
            case LMEval(batch=batch, context=context):
                logits = 8 * batch * context * models[0].vocabulary
                return BASE_MEMORY + 4 * models[0].parameters + logits
            case Rouge(batch=batch):
                return BASE_MEMORY + 4 * models[0].parameters + 8 * batch * models[0].vocabulary
        return BASE_MEMORY
