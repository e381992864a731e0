"""Writing the index: rows as an artifact is sealed, and the whole of it from the store."""

from collections.abc import Iterable
from typing import Any

from sqlalchemy import Connection, Table, delete, func, insert, select

from family import ledger
from family.ledger import Release
from family.lineage import database, tables
from family.lineage.database import reading, writing
from family.lineage.views import Reindexed
from family.store import OUTCOME, Manifest, Store

Row = dict[str, Any]


def record(store: Store, manifest: Manifest, family: str, tier: str, step: str) -> None:
    """Note a sealed artifact, and that it is what this step of the family has now.

    Called again for the same artifact it changes nothing, and takes a few milliseconds.
    """
    build = _build(manifest)
    head: Row = {"family": family, "tier": tier, "step": step, "key": manifest.key}
    with reading(store) as connection:
        if _holds(connection, tables.builds, build) and _holds(connection, tables.heads, head):
            return
    with writing(store) as connection:
        if not _holds(connection, tables.builds, build):
            _write(connection, rows_of(manifest))
        _replace(connection, tables.heads, head)


def record_aside(store: Store, *manifests: Manifest) -> None:
    """Note sealed artifacts that no step of a family has by that: a measurement made once more."""
    with writing(store) as connection:
        for manifest in manifests:
            _write(connection, rows_of(manifest))


def set_heads(store: Store, family: str) -> None:
    """Take the family's heads from its file in the store: steps that it no longer has go."""
    with writing(store) as connection:
        _set_heads(connection, store, family)


def record_ledger(store: Store) -> None:
    """Note the releases and decisions that stand in the store and not yet in the index."""
    with writing(store) as connection:
        known = set(connection.scalars(select(tables.releases.c.digest)))
        for release, digest in ledger.releases(store):
            if digest not in known:
                _write(connection, rows_of_release(release, digest))
        for decision in ledger.decisions(store):
            _replace(connection, tables.decisions, decision.model_dump())


def forget(store: Store, keys: Iterable[str]) -> None:
    """Take out what is known of these artifacts, which are about to go from the store."""
    with writing(store) as connection:
        for key in keys:  # what hangs on a build's row goes with it
            connection.execute(delete(tables.builds).where(tables.builds.c.key == key))
        for family in store.families():
            _set_heads(connection, store, family)


def reindex(store: Store, *, take_over: bool = False) -> Reindexed:
    """Rebuild the whole index from the files of the store, in one transaction.

    With `take_over` even where it is the index of another store, which it then forgets.
    """
    if take_over:
        database.take_over(store)
    with writing(store) as connection:
        for table in (tables.builds, tables.heads, tables.releases, tables.decisions):
            connection.execute(delete(table))
        fill(connection, store)
        return Reindexed(
            artifacts=_count(connection, tables.builds),
            models=_count(connection, tables.models),
            edges=_count(connection, tables.edges),
            releases=_count(connection, tables.releases),
            decisions=_count(connection, tables.decisions),
            families=tuple(store.families()),
        )


def fill(connection: Connection, store: Store) -> None:
    """Write all that the store holds; what else the index knows stays."""
    for manifest in store.manifests():
        _write(connection, rows_of(manifest))
    for family in store.families():
        _set_heads(connection, store, family)
    for release, digest in ledger.releases(store):
        _write(connection, rows_of_release(release, digest))
    for decision in ledger.decisions(store):
        _replace(connection, tables.decisions, decision.model_dump())


def _count(connection: Connection, table: Table) -> int:
    return connection.scalars(select(func.count()).select_from(table)).one()


def model_name(family: str, tier: str, step: str) -> str:
    """`family/tier` for the tier's model, `family/tier/int4` for an export, `family/flagship`."""
    stage, _, variant = step.partition(":")
    last = "" if stage == "distill" else variant or stage
    return "/".join(part for part in (family, tier, last) if part)


def rows_of(manifest: Manifest) -> list[tuple[Table, list[Row]]]:
    """Every row that follows from one manifest, table by table; that of builds comes first."""
    return [(tables.builds, [_build(manifest)]), *_rows(manifest)]


def rows_of_release(release: Release, digest: str) -> list[tuple[Table, list[Row]]]:
    """Every row that follows from one release, whose file has the SHA-256 `digest`."""
    said = release.model_dump()
    names = [column.name for column in tables.releases.columns]
    row: Row = {name: said[name] for name in names if name in said} | {"digest": digest}
    version: Row = {"family": release.family, "version": release.version}
    steps = [
        {**version, "tier": tier, "step": step, "key": key}
        for place, key in release.steps.items()
        for tier, _, step in [place.partition("/")]
    ]
    owed = [
        {**version, "position": position, **one.model_dump()}
        for position, one in enumerate(release.obligations)
    ]
    return [(tables.releases, [row]), (tables.released, steps), (tables.obligations, owed)]


def _write(connection: Connection, rows: list[tuple[Table, list[Row]]]) -> None:
    """Put rows in the place of what there was; what hangs on the first one goes with it."""
    (table, (first,)), *rest = rows
    _replace(connection, table, first)
    for table, more in rest:
        if more:
            connection.execute(insert(table), more)


def _build(manifest: Manifest) -> Row:
    origin = manifest.origin.model_dump()
    return {
        **origin,
        "key": manifest.key,
        "digest": manifest.digest,
        "recipe": manifest.recipe,
        "facts": dict(manifest.outcome.facts),
    }


def _rows(manifest: Manifest) -> list[tuple[Table, list[Row]]]:
    """What hangs on the build's row, table by table."""
    key, outcome, inputs = manifest.key, manifest.outcome, manifest.recipe["inputs"]
    origin = manifest.origin
    rows: list[tuple[Table, list[Row]]] = []
    if outcome.model:
        place = {"family": origin.family, "tier": origin.tier, "step": origin.step}
        model = {
            **outcome.model.model_dump(),
            **place,
            "key": key,
            "name": model_name(**place),
            "digest": manifest.digest,
            "created": origin.started,
        }
        files = [
            {"model": key, "path": f"artifacts/{key}/{name}", **file.model_dump()}
            for name, file in manifest.files.items()
            if name != OUTCOME
        ]
        rows += [(tables.models, [model]), (tables.files, files)]
    if outcome.dataset:
        rows.append((tables.datasets, [{"key": key, **outcome.dataset.model_dump()}]))
    edges = [
        {
            "child": key,
            "position": position,
            "parent": inputs[edge.parent],
            "kind": edge.kind,
            "detail": dict(edge.detail),
        }
        for position, edge in enumerate(outcome.edges)
    ]
    metrics = [
        {
            "source": key,
            "position": position,
            "model": inputs[metric.about],
            **metric.model_dump(exclude={"about"}),
        }
        for position, metric in enumerate(outcome.metrics)
    ]
    verdicts = [
        {"gate": key, "position": position, **verdict.model_dump()}
        for position, verdict in enumerate(outcome.verdicts)
    ]
    return [*rows, (tables.edges, edges), (tables.metrics, metrics), (tables.verdicts, verdicts)]


def _set_heads(connection: Connection, store: Store, family: str) -> None:
    connection.execute(delete(tables.heads).where(tables.heads.c.family == family))
    head = store.head(family)
    there = select(tables.builds.c.key).where(tables.builds.c.key.in_(head.values()))
    kept = set(connection.scalars(there))  # an artifact that is gone is no step's any more
    rows = []
    for place, key in head.items():
        tier, _, step = place.partition("/")
        if key in kept:
            rows.append({"family": family, "tier": tier, "step": step, "key": key})
    if rows:
        connection.execute(insert(tables.heads), rows)


def _holds(connection: Connection, table: Table, row: Row) -> bool:
    """Whether `table` has this very row."""
    found = connection.execute(select(table).where(*_same(table, row))).mappings().first()
    return found is not None and dict(found) == row


def _replace(connection: Connection, table: Table, row: Row) -> None:
    connection.execute(delete(table).where(*_same(table, row)))
    connection.execute(insert(table), row)


def _same(table: Table, row: Row) -> list[Any]:
    return [column == row[column.name] for column in table.primary_key.columns]
