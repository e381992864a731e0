"""What is asked of a trained tier: its scores, its files, and the bounds that it must meet."""

from typing import Annotated, Literal, get_args

from pydantic import AfterValidator, Field, WithJsonSchema, field_validator, model_validator
from pydantic_core import PydanticKnownError

from family.spec.capabilities import LMEval, Rouge
from family.spec.names import Precision
from family.stage import NOT_IN_KEY, Settings


class Evaluate(Settings):
    """How a model is scored on the held-out conversations."""

    batch: int = Field(4, ge=1, description="Conversations per pass.", json_schema_extra=NOT_IN_KEY)
    resamples: int = Field(
        1000, ge=100, description="Bootstrap resamples of conversations, for the 95 % intervals."
    )
    lm_eval: LMEval | None = Field(
        None,
        description="Tasks of the lm-evaluation-harness: `[arc_easy, hellaswag]`.",
        json_schema_extra=NOT_IN_KEY,
    )
    rouge: Rouge | None = Field(
        None,
        description="Score answers by ROUGE; asks for `prompts` of `kind: file` whose rows have a "
        "`reference`.",
        json_schema_extra=NOT_IN_KEY,
    )

    @field_validator("rouge", mode="before")
    @classmethod
    def _switched(cls, value: object) -> object:
        return ({} if value else None) if isinstance(value, bool) else value


#: Architectures, by `model_type`, whose files give PyTorch's own logits. The model builder of
#: onnxruntime-genai takes more, and their files go wrong: olmo's logits are others altogether; phi
#: and nemotron are off by 5e-3 and more; gemma2 and gpt_oss need a cache as long as their window;
#: gemma3, with transformers 5.23, is not built.
EXPORTED = ("ernie4_5", "gemma", "granite", "llama", "mistral", "phi3", "qwen2", "qwen3", "smollm3")


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
    "accuracy",
    "accuracy_drop",
    "ms_per_row",
    "row_ratio",
    "rows_per_second",
]


def _known(name: str) -> str:
    options = get_args(MetricName)
    if ":" not in name and name not in options:
        raise PydanticKnownError(
            "literal_error", {"expected": ", ".join(f"'{one}'" for one in options)}
        )
    return name


BoundName = Annotated[
    str,
    AfterValidator(_known),
    WithJsonSchema({"anyOf": [{"enum": list(get_args(MetricName))}, {"type": "string"}]}),
]
"""A figure that descent measures of itself, or a task's metric: `arc_easy:acc`."""


class Bound(Settings):
    """What a tier must reach to go on: at least `min`, at most `max`."""

    metric: BoundName = Field(
        description="What is bounded; of a task `arc_easy:acc`, or `arc_easy:acc:retention`, the "
        "tier's over the flagship's (the other way round where lower is better)."
    )
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
