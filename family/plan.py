"""From a spec and the stage table to steps with keys; what is stale, and why. Pure.

prompts ── responses ──┐
text ──────────────────┴ corpus ──┬── signal ──┬── vocabulary
flagship ──┴─────────────┴────────┘            │        │
     └── about ── notices                     │        │
and for each tier:                            │        │
           start ── distill ──┬── evaluate ──┬── gate
                              ├── export:* ──┤
                              └── verify ────┘
and where a tier is asked for them, of the flagship, of the tier and of its files:
                    capabilities · rouge ────┘
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from family.spec import (
    FLAGSHIP,
    CandidateStart,
    FamilySpec,
    FullVocabulary,
    LMEval,
    PruneStart,
    Tier,
)
from family.stage import Recipe, Settings, Stage, differences
from family.store import Manifest


@dataclass(frozen=True)
class Step:
    """A recipe with its place in the family."""

    tier: str
    name: str
    recipe: Recipe
    where: str
    """Path of the settings in the family file."""
    sources: Mapping[str, str] = field(default_factory=dict)
    """Input name -> id of the step that makes it; leaves are left out."""

    @property
    def id(self) -> str:
        return f"{self.tier}/{self.name}"

    @property
    def title(self) -> str:
        """`edge · distill`, as runs and messages call it."""
        return f"{self.tier or 'family'} · {self.name.replace(':', ' ')}"


@dataclass(frozen=True)
class Leaves:
    """Digests of what the user brought."""

    flagship: str
    data: Mapping[str, str] = field(default_factory=dict)
    """Of the files that it is taught with, by their place in the family file."""
    licence: str | None = None
    harness: str | None = None
    """SHA-256 of the name and version of the package that asks tasks; None if none are asked."""
    tasks: Mapping[str, str] = field(default_factory=dict)
    """Of folders of task files and the data that they name, by the folder."""


@dataclass(frozen=True)
class Planned:
    """What will become of a step."""

    step: Step
    status: Literal["stale", "reused"]
    reason: str


def steps(spec: FamilySpec, leaves: Leaves, stages: Mapping[str, Stage]) -> list[Step]:
    """Every step of the family, each after what it needs."""
    graph = _Graph(stages)
    opened = "base" if spec.post_train else "flagship"
    weights = {"weights": leaves.flagship}
    graph.add("", opened, spec.flagship, "flagship", {}, leaf=weights, stage="flagship")
    brought = {name: {"file": digest} for name, digest in leaves.data.items()}
    for name, data in spec.data.items():
        graph.add("", name, data, name, {}, leaf=brought.get(name))
    # Who answers prompts is the model that was opened: the answers are what it may be trained on.
    flagship = {"flagship": f"/{opened}"}
    data_sets = {name: f"/{name}" for name in spec.data}
    if spec.service:
        sources = {"prompts": "/prompts"}
        data_sets["responses"] = graph.add("", "responses", spec.service, "responses", sources)
    graph.add("", "about", spec.about, "", {opened: f"/{opened}", **data_sets})
    notices = spec.notices(leaves.licence)
    graph.add("", "notices", notices, "notices", {**flagship, "about": "/about"})
    corpus = {"corpus": _add_corpus(graph, spec, flagship)}
    if spec.post_train:
        sources = {"student": "/base", **corpus}
        graph.add("", "flagship", spec.post_train, "post_train", sources, stage="post_train")
    trimmed = not isinstance(spec.vocabulary, FullVocabulary)
    # Which tokens a teacher would write counts for a vocabulary; a classifier writes none.
    listened = trimmed and not spec.rows
    if listened or any(_reads_signal_of(FLAGSHIP, tier) for tier in spec.tiers.values()):
        graph.add("", "signal", spec.signal, "signal", {"teacher": "/flagship", **corpus})
    if trimmed:
        sources = {**flagship, **corpus}
        if listened:
            sources["signal"] = "/signal"
        graph.add("", "vocabulary", spec.vocabulary, "vocabulary", sources)
    if spec.prompts and any(tier.evaluate.rouge for tier in spec.tiers.values()):
        graph.add("", "references", spec.prompts, "prompts", {}, leaf=brought.get("prompts"))
    # The flagship is asked before any tier is begun, and once, whichever tiers are asked the same.
    asked = {name: _ask_flagship(graph, leaves, name, tier) for name, tier in spec.tiers.items()}
    for name, tier in spec.tiers.items():
        _add_tier(graph, spec, leaves, name, tier, asked[name], trimmed=trimmed)
    return graph.steps


def _add_corpus(graph: "_Graph", spec: FamilySpec, flagship: Mapping[str, str]) -> str:
    """What the tiers are taught with: answers to prompts, and whatever was brought as it is."""
    taught = {name: f"/{name}" for name in spec.data if name != "prompts"}
    if spec.service:
        sources = {**flagship, "responses": "/responses"}
        taught["responses"] = graph.add("", "kept", spec.service.keep, "responses.keep", sources)
    elif spec.prompts:
        sources = {**flagship, "prompts": "/prompts"}
        taught["responses"] = graph.add("", "responses", spec.responses, "responses", sources)
    return graph.add("", "corpus", spec.corpus, "corpus", {**flagship, **taught})


def _add_tier(
    graph: "_Graph",
    spec: FamilySpec,
    leaves: Leaves,
    name: str,
    tier: Tier,
    asked: Mapping[str, str],
    *,
    trimmed: bool,
) -> None:
    where = f"tiers.{name}"
    corpus = {"corpus": "/corpus"}
    taught = {"teacher": _model(tier.teacher), **corpus}

    start = {"parent": _model(tier.start.parent)}
    if trimmed and tier.start.parent == FLAGSHIP:
        start["vocabulary"] = "/vocabulary"
    if isinstance(tier.start, PruneStart):
        start |= corpus
    tries = isinstance(tier.start, CandidateStart)
    signal = {"signal": "/signal"} if _reads_signal_of(FLAGSHIP, tier) else {}
    if not signal and _reads_signal_of(tier.teacher, tier):
        signal = {"signal": graph.add(name, "signal", spec.signal, "signal", taught)}
    if tries:
        start |= {**taught, **signal}
    made_by = "candidates" if tries else "start"
    student = graph.add(name, "start", tier.start, f"{where}.start", start, stage=made_by)

    sources = {"student": student, **taught}
    if tier.distill.reads_signal:
        sources |= signal
    if spec.prompts and not spec.service:
        sources["generator"] = "/base" if spec.post_train else "/flagship"
    distilled = "distilled" if tier.post_train else "distill"
    made = graph.add(name, distilled, tier.distill, f"{where}.distill", sources, stage="distill")
    if tier.post_train:
        sources = {"student": made, **corpus}
        where_to = f"{where}.post_train"
        made = graph.add(name, "distill", tier.post_train, where_to, sources, stage="post_train")
    model = {"model": made}

    sources = {**model, "reference": "/flagship", **corpus}
    scores = {"evaluate": graph.add(name, "evaluate", tier.evaluate, f"{where}.evaluate", sources)}
    files: dict[str, str] = {
        one.precision: graph.add(name, f"export:{one.precision}", one, f"{where}.export", model)
        for one in tier.export
    }
    if files:
        sources = {**model, **corpus, **files}
        scores["verify"] = graph.add(name, "verify", tier.verify, f"{where}.verify", sources)
    scores |= _ask_tier(graph, leaves, name, tier, model | files, asked)
    graph.add(name, "gate", tier.gate, f"{where}.gate", scores)


def _reads_signal_of(teacher: str, tier: Tier) -> bool:
    trained = [tier.distill]
    if isinstance(tier.start, CandidateStart):
        trained.append(tier.start.trial)
    return tier.teacher == teacher and any(one.reads_signal for one in trained)


def _ask_flagship(graph: "_Graph", leaves: Leaves, name: str, tier: Tier) -> dict[str, str]:
    """The steps that ask the flagship what a tier is asked."""
    found, where = {}, f"tiers.{name}.evaluate"
    if tasks := tier.evaluate.lm_eval:
        model, leaf = {"model": "/flagship"}, _brought(tasks, leaves)
        found["capabilities"] = graph.shared(
            name, "capabilities", tasks, f"{where}.lm_eval", model, leaf
        )
    if rouge := tier.evaluate.rouge:
        sources = {"model": "/flagship", "references": "/references"}
        found["rouge"] = graph.shared(name, "rouge", rouge, f"{where}.rouge", sources, {})
    return found


def _ask_tier(
    graph: "_Graph",
    leaves: Leaves,
    name: str,
    tier: Tier,
    models: Mapping[str, str],
    flagship: Mapping[str, str],
) -> dict[str, str]:
    """The steps that ask a tier, and each of its files; `flagship` are those that asked it."""
    found, where = {}, f"tiers.{name}.evaluate"
    if tasks := tier.evaluate.lm_eval:
        for about in ("model", *tasks.scored(tuple(one.precision for one in tier.export))):
            step = "capabilities" if about == "model" else f"capabilities:{about}"
            sources = {about: models[about], "reference": flagship["capabilities"]}
            leaf = _brought(tasks, leaves)
            found[step] = graph.add(name, step, tasks, f"{where}.lm_eval", sources, leaf=leaf)
    if rouge := tier.evaluate.rouge:
        sources = {
            "model": models["model"],
            "references": "/references",
            "reference": flagship["rouge"],
        }
        found["rouge"] = graph.add(name, "rouge", rouge, f"{where}.rouge", sources)
    return found


def _brought(tasks: LMEval, leaves: Leaves) -> dict[str, str]:
    """What the user brought that decides what a model is asked."""
    own = leaves.tasks.get(tasks.include) if tasks.include else None
    found = {"harness": leaves.harness, "tasks": own}
    return {name: digest for name, digest in found.items() if digest}


def _model(name: str) -> str:
    return "/flagship" if name == FLAGSHIP else f"{name}/distill"


class _Graph:
    def __init__(self, stages: Mapping[str, Stage]) -> None:
        self.stages = stages
        self.steps: list[Step] = []
        self._keys: dict[str, str] = {}

    def add(
        self,
        tier: str,
        name: str,
        settings: Settings,
        where: str,
        sources: Mapping[str, str],
        *,
        leaf: Mapping[str, str] | None = None,
        stage: str | None = None,
    ) -> str:
        """Append a step whose inputs come from other steps, by their ids; its own id.

        Its name begins with its `stage`'s, unless another is given."""
        recipe = self._recipe(stage or name.partition(":")[0], settings, sources, leaf or {})
        step = Step(tier, name, recipe, where, sources)
        self.steps.append(step)
        self._keys[step.id] = recipe.key
        return step.id

    def shared(
        self,
        tier: str,
        name: str,
        settings: Settings,
        where: str,
        sources: Mapping[str, str],
        leaf: Mapping[str, str],
    ) -> str:
        """The family's step that does this, whichever tier asked for it first; its id."""
        key = self._recipe(name, settings, sources, leaf).key
        for step in self.steps:
            if not step.tier and step.recipe.key == key:
                return step.id
        variant = f"{name}:{tier}" if f"/{name}" in self._keys else name
        return self.add("", variant, settings, where, sources, leaf=leaf)

    def _recipe(
        self,
        stage: str,
        settings: Settings,
        sources: Mapping[str, str],
        leaf: Mapping[str, str],
    ) -> Recipe:
        made_by = self.stages[stage]
        inputs = {**leaf, **{key: self._keys[source] for key, source in sources.items()}}
        return Recipe(made_by.name, made_by.version, settings, inputs)


def plan(
    found: list[Step],
    head: Mapping[str, str],
    manifest: Callable[[str], Manifest | None],
    faults: Callable[[Manifest], list[str]],
) -> list[Planned]:
    """What is stale, and why, against the artifacts there are.

    `head` is `tier/step` -> key as of the last build; `manifest` and `faults` look into the
    store.
    """
    titles = {step.id: step.title for step in found}
    planned = []
    for step in found:
        key, last = step.recipe.key, head.get(step.id)
        if sealed := manifest(key):
            if wrong := faults(sealed):
                planned.append(Planned(step, "stale", f"its files differ: {wrong[0]}"))
            else:
                again = "sealed" if last in (None, key) else "sealed by an earlier build"
                planned.append(Planned(step, "reused", again))
            continue
        if last is None:
            reason = "never built"
        elif last == key:
            reason = "its artifact is gone"
        elif old := manifest(last):
            reason = "; ".join(_changes(step, old, titles))
        else:
            reason = "changed since the last build, whose artifact is gone"
        planned.append(Planned(step, "stale", reason))
    return planned


def _changes(step: Step, old: Manifest, titles: Mapping[str, str]) -> Iterator[str]:
    """What makes this recipe differ from the one of the last build; settings first."""
    before, now = old.recipe, step.recipe.canonical
    for path, was, is_ in differences(before["settings"], now["settings"], step.where):
        yield f"{path}: {_short(was)} → {_short(is_)}"
    if before["version"] != now["version"]:
        yield f"stage {now['stage']} has version {now['version']}, was {before['version']}"
    for name in sorted(before["inputs"].keys() | now["inputs"].keys()):
        if before["inputs"].get(name) != now["inputs"].get(name):
            source = step.sources.get(name)
            yield f"{titles[source]} changed" if source else f"input {name} changed"


def _short(value: Any) -> str:
    text = str(value)
    return text if len(text) <= 40 else f"{text[:37]}..."
