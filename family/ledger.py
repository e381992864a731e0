"""What people decided, as files in the store that are written once and never changed.

releases/<family>/<version>/    what is published, and release.json, which says what it holds
decisions/<family>/<n>.json     approvals, waivers and moves of aliases, in order
"""

import fcntl
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from pydantic import Field, ValidationError

from family.errors import StoreError
from family.stage import Settings
from family.store import Store, sha256

RELEASE = "release.json"

#: Where a version goes as it is made, before anybody has looked at it.
CANDIDATE = "candidate"

Alias = Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{0,39}$")]
Kind = TypeVar("Kind", bound=Settings)
Change = Literal["first", "major", "minor", "patch"]
Verb = Literal["approve", "reject", "waive", "promote", "rollback"]


class Owed(Settings):
    """One duty that a licence laid on a released model, as it stood when the release was made."""

    model: str = Field(description="The key of the model.")
    subject: str = Field(description="What a waiver names: `llama3.1/name`.")
    status: str
    detail: dict[str, Any] = Field(description="The whole duty, as `descent licences` prints it.")


class Release(Settings):
    """One version of a whole family: which artifact each of its steps had."""

    format: int = 1
    family: str
    version: str
    previous: str | None = Field(description="The version that it is compared with.")
    change: Change = Field(description="What the version says about it, against the previous.")
    steps: dict[str, str] = Field(description="`tier/step` -> key; shared steps: an empty tier.")
    digests: dict[str, str] = Field(description="Key -> digest of the artifact's files.")
    published: dict[str, str] = Field(description="Path in the release's folder -> SHA-256.")
    obligations: tuple[Owed, ...] = ()
    by: str
    note: str = ""
    created: str = Field(description="UTC, ISO 8601.")
    approve_by: str | None = Field(None, description="After this it counts as rejected; UTC.")
    prefect_run_id: str | None = Field(None, description="The run that waits for approval.")


class Decision(Settings):
    """Something that a person decided about a release."""

    family: str
    number: int
    kind: Verb
    version: str
    alias: Alias | None = Field(None, description="What `promote` and `rollback` move.")
    subject: str | None = Field(None, description="The duty that `waive` lets go.")
    by: str
    reason: str = ""
    at: str = Field(description="UTC, ISO 8601.")


def release_folder(store: Store, family: str, version: str) -> Path:
    """What is published of a release."""
    return store.root / "releases" / family / version


def releases(store: Store) -> Iterator[tuple[Release, str]]:
    """Every release, with the SHA-256 of its file; by family, then by name."""
    # One that is being made has a dot before its name.
    for path in sorted((store.root / "releases").glob(f"*/[!.]*/{RELEASE}")):
        yield _read(Release, path), sha256(path)


def decisions(store: Store, family: str = "*") -> Iterator[Decision]:
    """Every decision, or those about one family, in order."""
    found = (store.root / "decisions").glob(f"{family}/*.json")
    for path in sorted(found, key=lambda path: (path.parent.name, int(path.stem))):
        yield _read(Decision, path)


def decide(store: Store, decision: Decision) -> None:
    """Write a decision down. Hold `deciding` from the look at the last number on.

    StoreError if another machine took the number: what it decided may forbid this."""
    name = f"decisions/{decision.family}/{decision.number}.json"
    store.once(name, decision.model_dump(mode="json"))


@contextmanager
def deciding(store: Store) -> Iterator[None]:
    """Let one process at a time look at what was decided, and decide more. Builds go on."""
    with (store.root / "decisions.lock").open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _read(kind: type[Kind], path: Path) -> Kind:
    try:
        return kind.model_validate(json.loads(path.read_bytes()))
    except (ValueError, ValidationError) as error:
        raise StoreError(
            f"{path}: this record cannot be read, and nothing else holds what it said. Bring it "
            f"back from a backup. What is wrong: {error}"
        ) from error
