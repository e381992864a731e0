"""Answers of a service behind an OpenAI-compatible endpoint, and the terms that they come under."""

import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import BeforeValidator, Field, field_validator

from family.spec.data import Responses
from family.spec.names import FLAGSHIP
from family.spec.terms import Terms
from family.stage import NOT_IN_KEY, Settings


class Prices(Settings):
    """What the service takes for a million tokens."""

    input_per_million: float = Field(ge=0)
    output_per_million: float = Field(ge=0)
    currency: str = Field("USD", min_length=1)

    def cost(self, read: int, written: int) -> float:
        """Of so many tokens, in the currency."""
        return (read * self.input_per_million + written * self.output_per_million) / 1e6


class Keep(Settings):
    """Which answers are worth teaching with; what is left out is counted."""

    shortest: int = Field(
        1, ge=1, description="Fewest characters, blanks at both ends not counted."
    )
    cut: bool = Field(
        True, description="Also answers that `max_tokens` cut off; they then have no end."
    )
    no_answers: tuple[str, ...] = Field(
        (
            "I'm sorry, but I can",
            "I'm sorry, I can",
            "I can't assist",
            "I can't help",
            "I cannot assist",
            "I cannot help",
            "As an AI",
        ),
        description="An answer that begins so is none. Case and the shape of apostrophes do not "
        "count; `[]` leaves none out.",
    )
    repeats: bool = Field(
        False,
        description="Also answers that were given before to another prompt. Of one that is held "
        "out, none is ever trained on.",
    )


class EndpointResponses(Terms):
    """A service answers the prompts: anything that speaks OpenAI's chat completions."""

    kind: Literal["endpoint"]
    url: str = Field(
        description="Where it is, up to the part before `/chat/completions`: "
        "`https://api.example.com/v1`.",
    )
    model: str = Field(description="The model's name there.", min_length=1)
    licence: str = Field(
        description="The terms that its answers come under, one of `family/licences`: `openai`, "
        "`anthropic`, `llama3.1`, ...; `own` if it serves a model of your own; `other`, with "
        "`terms`.",
        min_length=1,
        json_schema_extra=NOT_IN_KEY,
    )
    key_env: str | None = Field(
        None,
        description="The environment variable that holds its key, where the stage runs; left out, "
        "none is sent. The key itself stands nowhere.",
        json_schema_extra=NOT_IN_KEY,
    )
    max_tokens: int = Field(256, ge=1, description="Longest answer, in the service's tokens.")
    temperature: float | None = Field(
        0.0, ge=0, description="`null` leaves it to the service, as some models demand."
    )
    seed: int | None = Field(None, description="Sent along where it is given.")
    keep: Keep = Field(default_factory=Keep, json_schema_extra=NOT_IN_KEY)
    concurrency: int = Field(
        8, ge=1, le=512, description="Requests at a time.", json_schema_extra=NOT_IN_KEY
    )
    requests_per_minute: float | None = Field(
        None, gt=0, description="Most requests in a minute.", json_schema_extra=NOT_IN_KEY
    )
    timeout: float = Field(
        120.0, gt=0, description="Seconds to wait for an answer.", json_schema_extra=NOT_IN_KEY
    )
    retries: int = Field(
        8,
        ge=0,
        description="How often a request is tried again after an answer that may pass: a limit on "
        "the rate, a fault of the server, a cut connection. Waits double, from half a second to a "
        "minute, unless the service says how long.",
        json_schema_extra=NOT_IN_KEY,
    )
    prices: Prices | None = Field(
        None,
        description="What it costs, for the count that stands in the record.",
        json_schema_extra=NOT_IN_KEY,
    )

    @field_validator("url")
    @classmethod
    def _an_address_without_secrets(cls, url: str) -> str:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError("no address of a service. Write it as `https://api.example.com/v1`")
        if parts.username or parts.password or parts.query or parts.fragment:
            raise ValueError(
                "it has a name, a password or a query in it, and the address is recorded. Leave "
                "them out; a key goes into the variable that key_env names"
            )
        return url.rstrip("/")

    @field_validator("key_env")
    @classmethod
    def _a_variable(cls, name: str | None) -> str | None:
        if name is not None and not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name):
            raise ValueError(  # without what was found, which may be a key
                "no name of an environment variable. Put the key into a variable, and name that "
                "here: `OPENAI_API_KEY`"
            )
        return name

    @property
    def service(self) -> str:
        """`gpt-x at api.example.com`."""
        return _called(self.model, self.url)


def _local_by_default(value: Any) -> Any:
    """The flagship answers where a file does not say who does."""
    return {"kind": FLAGSHIP, **value} if isinstance(value, Mapping) else value


Answers = Annotated[
    Annotated[Responses | EndpointResponses, Field(discriminator="kind")],
    BeforeValidator(_local_by_default),
]


def service_of(settings: Mapping[str, Any]) -> str | None:
    """Which service answered, by the settings of a recorded step; None where none did."""
    if settings.get("kind") != "endpoint":
        return None
    return _called(settings["model"], settings["url"])


def _called(model: str, url: str) -> str:
    return f"{model} at {urlsplit(url).netloc}"
