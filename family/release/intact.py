"""Whether one artifact still is what its records say."""

from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import Any

from pydantic import Field, ValidationError
from sqlalchemy import Table, select

from family.lineage import tables
from family.lineage.database import reading
from family.lineage.names import ID
from family.lineage.record import model_name, rows_of
from family.lineage.views import View
from family.release.chain import Link
from family.release.sums import Sums
from family.stage import Outcome, differences
from family.store import MANIFEST, OUTCOME, Store

Rows = list[tuple[Table, list[dict[str, Any]]]]

#: The tables whose rows follow from a manifest.
OF_A_MANIFEST = (
    tables.builds,
    tables.models,
    tables.files,
    tables.edges,
    tables.metrics,
    tables.verdicts,
    tables.datasets,
)
LONGEST = 80


class Brought(View):
    """What the user brought. The store does not hold it: its digest is known, and not checked."""

    name: str = Field(description="The stage that takes it, and what it calls it.")
    digest: str


class Checked(View):
    """Something that still is what was recorded."""

    name: str = Field(description="`quickstart/edge/int4`; of a release's own files, the release.")
    id: str = Field(description="First digits of the artifact's key; of a release, `published`.")
    files: int
    bytes: int
    brought: tuple[Brought, ...] = ()


class Difference(View):
    """The first thing that is not what was recorded."""

    where: str
    what: str = Field(description="What was found, and what was expected.")
    fix: str

    def __str__(self) -> str:
        return f"{self.where} {self.what}. {self.fix}"


class DiffersError(Exception):
    """Something is not what was recorded."""

    def __init__(self, where: str, what: str, fix: str) -> None:
        self.difference = Difference(where=where, what=what, fix=fix)
        super().__init__(str(self.difference))


def artifact(store: Store, link: Link, sums: Sums) -> Checked:
    """Hold an artifact's files to its manifest, and the index to both; or DiffersError."""
    folder = store.folder(link.key)
    name = _name(store, link)
    where = f"{name} ({link.key[:ID]})"
    fix = (
        f"Bring {folder} back from a backup; or delete it and run `descent build`, and release "
        f"what that makes."
    )
    manifest = link.manifest
    if manifest is None:
        raise DiffersError(where, str(link.fault), fix)
    for path, file in sorted(manifest.files.items()):
        same_file(where, folder, path, file.sha256, sums, fix)
    nothing_else(where, folder, {*manifest.files, MANIFEST})
    if _outcome(folder) != manifest.outcome:
        raise DiffersError(
            where, f"has a {MANIFEST} and an {OUTCOME} that tell different outcomes", fix
        )
    same_rows(store, where, rows_of(manifest), OF_A_MANIFEST, link.key)
    return Checked(
        name=name,
        id=link.key[:ID],
        files=len(manifest.files),
        bytes=sum(file.bytes for file in manifest.files.values()),
        brought=tuple(
            Brought(name=f"{leaf.stage} {leaf.input}", digest=leaf.digest) for leaf in link.leaves
        ),
    )


def same_file(where: str, folder: Path, name: str, expected: str, sums: Sums, fix: str) -> None:
    """DiffersError unless the file is there and has the SHA-256 that is expected."""
    path = folder / name
    if not path.is_file():
        raise DiffersError(where, f"has lost {name}", fix)
    if (found := sums.of(path)) != expected:
        raise DiffersError(where, f"has another {name}: SHA-256 {found}, expected {expected}", fix)


def nothing_else(where: str, folder: Path, known: Collection[str]) -> None:
    """DiffersError if the folder holds a file that no record names."""
    there = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    if strangers := sorted(there - set(known)):
        raise DiffersError(
            where,
            f"holds {strangers[0]}, which no record names",
            f"Take it out of {folder}, unless you know better where it came from.",
        )


def same_rows(
    store: Store, where: str, expected: Rows, among: Collection[Table], *identity: str
) -> None:
    """DiffersError unless the index has the rows that are expected, and no more, in each table of
    `among`, of those whose primary key begins with `identity`."""
    rows = dict(expected)
    with reading(store) as connection:
        for table in among:
            columns = table.primary_key.columns
            own = [column == value for column, value in zip(columns, identity, strict=False)]
            found = connection.execute(select(table).where(*own)).mappings()
            now = _by_key(table, found, len(identity))
            then = _by_key(table, rows.get(table, []), len(identity))
            for path, before, after in differences(then, now):
                raise DiffersError(
                    where,
                    f"is otherwise in the index: {table.name} {path} is {short(after)}, expected "
                    f"{short(before)}",
                    "The store is right where the two differ: run `descent lineage reindex`, and "
                    "find out who changed the index.",
                )


def _by_key(
    table: Table, rows: Iterable[Mapping[Any, Any]], shared: int
) -> dict[str, dict[Any, Any]]:
    """The rows by what is left of their primary key without its first `shared` columns."""
    own = [column.name for column in table.primary_key.columns][shared:]
    return {"/".join(str(row[name]) for name in own): dict(row) for row in rows}


def _outcome(folder: Path) -> Outcome | None:
    try:
        return Outcome.model_validate_json((folder / OUTCOME).read_bytes())
    except ValidationError:
        return None


def _name(store: Store, link: Link) -> str:
    """What the artifact was made as; asked of the index where its manifest is not believed."""
    if link.manifest:
        origin = link.manifest.origin
        return model_name(origin.family, origin.tier, origin.step)
    columns = (tables.builds.c.family, tables.builds.c.tier, tables.builds.c.step)
    with reading(store) as connection:
        row = connection.execute(select(*columns).where(tables.builds.c.key == link.key)).first()
    return model_name(*row) if row else "an artifact"


def short(value: object) -> str:
    """A value in few words, for an error."""
    text = "nothing" if value is None else str(value)
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 3]}..."
