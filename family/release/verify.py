"""Whether a model or a release still is what was recorded: from what the user brought down to it.

Nothing is fetched, but from a store at a URL. What is compared, and with what:

recipe in a manifest     its key, and through its inputs' keys every recipe above it
files of an artifact     the digests in its manifest
outcome in a manifest    outcome.json, which is one of the files
rows of the index        the manifest, or release.json, that they follow from
release.json             the digest that the index has of it, and those of its artifacts
published files          release.json, and the artifacts that they were taken from
statement.json           the release and its artifacts
model.sig                everything in the release's folder, against a public key
"""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, ValidationError

from family.ledger import RELEASE, Release, release_folder
from family.lineage import tables
from family.lineage.queries import Lineage
from family.lineage.record import rows_of_release
from family.lineage.views import View
from family.progress import Listener
from family.release.chain import Link, chain
from family.release.intact import (
    Checked,
    Difference,
    DiffersError,
    artifact,
    nothing_else,
    same_file,
    same_rows,
    short,
)
from family.release.signature import SIGNATURE, BadSignatureError, check_signature
from family.release.statement import STATEMENT, content, source
from family.release.sums import Sums
from family.stage import differences
from family.store import Store, sha256

#: The tables whose rows follow from a release's file.
OF_A_RELEASE = (tables.releases, tables.released, tables.obligations)


class Verified(View):
    """What was checked of a model or a release, and what differs if anything does."""

    name: str
    checked: tuple[Checked, ...] = Field(
        description="What is as it was recorded, in order; up to the difference if there is one."
    )
    difference: Difference | None = Field(description="The first, from the leaves down.")
    signature: Literal["valid", "not checked", "none"] | None = Field(
        None,
        description="Of a release; `not checked` for want of a public key, or since something "
        "differs before it.",
    )


def verify_model(store: Store, name: str, on_progress: Listener | None = None) -> Verified:
    """Check a model and all that it was made from."""
    model = Lineage(store).resolve(name)
    links = chain(store, [model.key])
    _fetch(store, links, on_progress)
    with Sums(_files(store, links), on_progress) as sums:
        checked, difference = _until(artifact(store, link, sums) for link in links)
    return Verified(name=model.name, checked=checked, difference=difference)


def verify_release(
    store: Store,
    family: str | None,
    version: str,
    public_key: Path | None = None,
    on_progress: Listener | None = None,
) -> Verified:
    """Check the release of a version or alias.

    Its record, its artifacts and all that they were made from, what is published of it, and with a
    public key its signature."""
    held = Lineage(store).release(family, version)
    one = _Release(store, held.family, held.version)
    checked, difference = _until(one.steps(public_key, on_progress))
    valid = public_key is not None and difference is None
    signed = (one.folder / SIGNATURE).exists()
    return Verified(
        name=one.title,
        checked=checked,
        difference=difference,
        signature="valid" if valid else "not checked" if signed else "none",
    )


def _until(steps: Iterator[Checked]) -> tuple[tuple[Checked, ...], Difference | None]:
    """Take steps up to the first that differs."""
    checked = []
    try:
        for one in steps:
            checked.append(one)
    except DiffersError as error:
        return tuple(checked), error.difference
    return tuple(checked), None


def _fetch(store: Store, links: Sequence[Link], on_progress: Listener | None) -> None:
    """Have all files here that a shared store may hold elsewhere."""
    for link in links:
        if link.manifest:
            store.fetch(link.key, on_progress)


def _files(store: Store, links: Sequence[Link]) -> Iterator[Path]:
    for link in links:
        if link.manifest:
            yield from (store.folder(link.key) / name for name in sorted(link.manifest.files))


class _Release:
    """The checks of one release, in order; each raises DiffersError."""

    def __init__(self, store: Store, family: str, version: str) -> None:
        self.store = store
        self.title = f"{family} {version}"
        self.folder = release_folder(store, family, version)

    def steps(self, public_key: Path | None, on_progress: Listener | None) -> Iterator[Checked]:
        release = self._record()
        links = chain(self.store, release.steps.values())
        _fetch(self.store, links, on_progress)
        if self.store.shared:
            self.store.shared.fetch_release(release, self.folder, on_progress)
        published = (self.folder / name for name in sorted(release.published))
        with Sums([*_files(self.store, links), *published], on_progress) as sums:
            for link in links:
                checked = artifact(self.store, link, sums)
                self._as_released(release, link, checked)
                yield checked
            yield self._published(release, links, sums)
        if STATEMENT in release.published:
            self._statement(release, links)
        if public_key:
            self._signature(public_key)

    def _record(self) -> Release:
        """What release.json says, if it is what the index knows of it."""
        path = self.folder / RELEASE
        try:
            release = Release.model_validate_json(path.read_bytes())
        except FileNotFoundError:
            raise self._differs(f"has lost {RELEASE}") from None
        except ValidationError as error:
            raise self._differs(f"has a {RELEASE} that cannot be read: {error}") from None
        if (found := f"{release.family} {release.version}") != self.title:
            raise self._differs(f"has the {RELEASE} of {found}")
        rows = rows_of_release(release, sha256(path))
        same_rows(self.store, self.title, rows, OF_A_RELEASE, release.family, release.version)
        return release

    def _as_released(self, release: Release, link: Link, checked: Checked) -> None:
        digest = link.manifest.digest if link.manifest else ""
        expected = release.digests.get(link.key)
        if digest != expected:
            raise DiffersError(
                f"{checked.name} ({checked.id})",
                f"has files of digest {digest}, and {self.title} was made with {short(expected)}",
                "It was built again since, to other files. Bring the old ones back from a backup.",
            )

    def _published(self, release: Release, links: Sequence[Link], sums: Sums) -> Checked:
        manifests = {link.key: link.manifest for link in links if link.manifest}
        for path, digest in sorted(release.published.items()):
            same_file(self.title, self.folder, path, digest, sums, self.fix)
            key, name = source(path, release) or ("", "")
            made = manifests[key].files.get(name) if key else None
            if made and made.sha256 != digest:
                raise self._differs(
                    f"publishes {path} with SHA-256 {digest}, made with {made.sha256}"
                )
        nothing_else(self.title, self.folder, {*release.published, RELEASE, SIGNATURE})
        size = sum((self.folder / path).stat().st_size for path in release.published)
        return Checked(name=self.title, id="published", files=len(release.published), bytes=size)

    def _statement(self, release: Release, links: Sequence[Link]) -> None:
        try:
            found = _parts(json.loads((self.folder / STATEMENT).read_bytes()))
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise self._differs(f"has a {STATEMENT} that cannot be read: {error!r}") from None
        for path, before, after in differences(_parts(content(release, links)), found):
            raise self._differs(
                f"has a {STATEMENT} where {path} is {short(after)}, expected {short(before)}"
            )

    def _signature(self, public_key: Path) -> None:
        if not (self.folder / SIGNATURE).exists():
            again = f"descent sign {self.title} --key KEY.pem"
            raise DiffersError(self.title, "is not signed", f"If it should be: {again}")
        try:
            check_signature(self.folder, public_key)
        except BadSignatureError as error:
            raise self._differs(f"has a signature that {error}") from None

    @property
    def fix(self) -> str:
        return f"Bring {self.folder} back from a backup."

    def _differs(self, what: str) -> DiffersError:
        return DiffersError(self.title, what, self.fix)


def _parts(said: dict[str, Any]) -> dict[str, Any]:
    """What a statement claims, by name; who built it stands in the artifacts' own records."""
    definition = said["predicate"]["buildDefinition"]
    return {
        **{name: said[name] for name in ("_type", "predicateType")},
        **{name: definition[name] for name in ("buildType", "externalParameters")},
        "subject": _named(said["subject"]),
        "materials": _named(definition["resolvedDependencies"]),
    }


def _named(items: list[dict[str, Any]]) -> dict[str, Any]:
    named = {one["name"]: one for one in items}
    if len(named) < len(items):
        raise ValueError("a name stands twice")
    return named
