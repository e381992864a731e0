"""What runs, on what, and under which name. Nothing here reads a disk or a clock.

A recipe's key is known before anything runs: it is the hash of the stage's name and version,
its settings, and the keys of its inputs. Leaves (the flagship's weights, a corpus file) enter
as digests of what the user brought.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field


class Settings(BaseModel):
    """A frozen part of a spec; unknown keys are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)


#: For `Field(json_schema_extra=NOT_IN_KEY)`: words for people and names of tiers. Changing one
#: rebuilds nothing (what a name points to enters the key as an input's key).
NOT_IN_KEY: dict[str, Any] = {"in_key": False}


def keyed(settings: BaseModel) -> dict[str, Any]:
    """The part of `settings` that decides a result, as plain JSON values."""
    out: dict[str, Any] = {}
    for name, field in type(settings).model_fields.items():
        extra = field.json_schema_extra
        if isinstance(extra, dict) and extra.get("in_key") is False:
            continue
        out[name] = _plain(getattr(settings, name))
    return out


def _plain(value: Any) -> Any:
    if isinstance(value, BaseModel):
        return keyed(value)
    if isinstance(value, Mapping):
        return {str(name): _plain(item) for name, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    return value


def differences(before: Any, after: Any, path: str = "") -> Iterator[tuple[str, Any, Any]]:
    """Where two JSON values differ: `distill.tokens`, what was there, and what is there now."""
    if isinstance(before, dict) and isinstance(after, dict):
        for name in {**before, **after}:
            below = f"{path}.{name}" if path else name
            yield from differences(before.get(name), after.get(name), below)
    elif before != after:
        yield path, before, after


def digest_json(value: Any) -> str:
    """SHA-256 (hex) of a JSON value in canonical form: sorted keys, no blanks, UTF-8."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


@dataclass(frozen=True)
class Stage:
    """One kind of work.

    `function` is "module:name" of a pure function `(inputs: Mapping[str, Path], settings,
    out: Path) -> Outcome`, so that planning imports neither torch nor ONNX. `settings` are the
    variants that it takes. Raise `version` when the result changes for the same settings.

    A `heavy` stage runs in a child process; one that `resumes` finds its own half-done work in
    `out` after a kill; one that measures time is `alone` among the heavy ones of its machine.
    """

    name: str
    function: str
    settings: tuple[type[Settings], ...]
    version: int = 1
    heavy: bool = True
    resumes: bool = False
    alone: bool = False


@dataclass(frozen=True)
class Recipe:
    """A stage with its settings and its inputs' keys, before it runs."""

    stage: str
    version: int
    settings: Settings
    inputs: Mapping[str, str]

    @cached_property
    def key(self) -> str:
        """SHA-256 (64 hex digits) of what decides the result."""
        return digest_json(self.canonical)

    @cached_property
    def canonical(self) -> dict[str, Any]:
        return {
            "stage": self.stage,
            "version": self.version,
            "settings": keyed(self.settings),
            "inputs": dict(self.inputs),
        }


EdgeKind = Literal[
    "pruned_from",
    "distilled_from",
    "initialised_from",
    "finetuned_from",
    "quantized_from",
    "exported_from",
    "data_generated_by",
]

#: Edges along which what a model says flows; along all others its weights do.
OUTPUTS: frozenset[str] = frozenset({"distilled_from", "data_generated_by"})

Scalar = bool | int | float | str


class Edge(Settings):
    """How the model in this artifact came from another one."""

    kind: EdgeKind
    parent: str = Field(description="The stage's input that holds the parent.")
    detail: dict[str, Scalar] = Field(
        default_factory=dict, description="Losses, tokens and settings of this step."
    )


class Metric(Settings):
    """One measured figure about a model.

    Two values may be compared only if their protocols are equal.
    """

    about: str = Field(description="The stage's input that was measured.")
    name: str
    value: float
    n: int = Field(description="Samples behind the value; `unit` says of what.")
    low: float | None = Field(None, description="Lower end of the 95 % interval.")
    high: float | None = Field(None, description="Upper end of the 95 % interval.")
    unit: str = ""
    protocol: str = Field(description="Digest of how it was measured.")


class ModelFacts(Settings):
    """What the model in this artifact is."""

    parameters: int = Field(description="Weights, a tied head counted once.")
    architecture: str
    precision: str
    shape: dict[str, int]


class DatasetFacts(Settings):
    """What the data in this artifact is; its digest is the artifact's."""

    kind: Literal["prompts", "responses", "text", "rows", "blocks"]
    train: int = Field(description="Rows to train on: prompts, answers, documents or blocks.")
    held_out: int = Field(description="Rows that no training sees.")
    tokens: int | None = Field(None, description="Answer tokens to train on; null if uncounted.")


#: What a model's folder holds besides weights and configurations: all that its text goes through.
COMPANIONS = (
    "tokenizer.json",
    "tokenizer_config.json",
    "chat_template.jinja",
    "special_tokens_map.json",
    "vocabulary.npy",
)


class Verdict(Settings):
    """One bound of a gate against what was measured."""

    bound: str
    limit: float
    value: float
    passed: bool


class Outcome(Settings):
    """What a stage says about its artifact, sealed with it as outcome.json."""

    model: ModelFacts | None = None
    dataset: DatasetFacts | None = None
    edges: tuple[Edge, ...] = ()
    metrics: tuple[Metric, ...] = ()
    verdicts: tuple[Verdict, ...] = ()
    facts: dict[str, Scalar] = Field(
        default_factory=dict, description="Counts worth keeping: tokens, samples, steps."
    )
