"""Rows about one model, as views."""

from collections import deque
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Literal

from sqlalchemy import Connection, RowMapping, literal, select

from family.lineage.names import ID, Names
from family.lineage.tables import builds, edges, files, heads, metrics
from family.lineage.views import Figure, LineageEdge, ModelFile, Parent


def files_of(connection: Connection, key: str, store: Path) -> list[ModelFile]:
    """A model's files, by path."""
    rows = connection.execute(select(files).where(files.c.model == key).order_by(files.c.path))
    return [
        ModelFile(path=str(store / row.path), bytes=row.bytes, sha256=row.sha256) for row in rows
    ]


def figures_of(
    connection: Connection, key: str, by: Collection[str] | None = None
) -> Iterator[Figure]:
    """What was measured about a model, by the artifacts `by` or by any.

    A figure that was measured twice under one protocol counts once; what the families have now
    goes before what was superseded.
    """
    now = metrics.c.source.in_(select(heads.c.key))
    query = (
        select(metrics)
        .join(builds, builds.c.key == metrics.c.source)
        .where(metrics.c.model == key)
        .order_by(now.desc(), builds.c.step, metrics.c.source, metrics.c.position)
    )
    if by is not None:
        query = query.where(metrics.c.source.in_(by))
    seen = set()
    for row in connection.execute(query):
        if (what := (row.name, row.protocol)) not in seen:
            seen.add(what)
            yield Figure(
                name=row.name,
                value=row.value,
                n=row.n,
                interval=None if row.low is None or row.high is None else (row.low, row.high),
                unit=row.unit,
                protocol=row.protocol,
            )


def edges_of(
    connection: Connection,
    names: Names,
    key: str,
    way: Literal["up", "down"],
    *,
    deep: bool = True,
) -> Iterator[LineageEdge]:
    """The edges at a model, and with `deep` those beyond, breadth first, each once."""
    near, far = ("child", "parent") if way == "up" else ("parent", "child")
    beyond: dict[str, list[RowMapping]] = {}
    for row in _line(connection, key, near, far):
        beyond.setdefault(row[near], []).append(row)
    waiting = deque([key])
    while waiting:
        for row in sorted(
            beyond.pop(waiting.popleft(), []),
            key=lambda row: (names.of(row["child"]), row["position"]),
        ):
            yield LineageEdge(
                child=row["child"][:ID],
                child_name=names.of(row["child"]),
                parent=row["parent"][:ID],
                parent_name=names.of(row["parent"]),
                kind=row["kind"],
                detail=row["detail"],
            )
            if deep:
                waiting.append(row[far])


def parents_of(connection: Connection, names: Names, key: str) -> Iterator[Parent]:
    """What a model came from, in the order in which its stage told it."""
    for edge in edges_of(connection, names, key, "up", deep=False):
        yield Parent(model=edge.parent, name=edge.parent_name, kind=edge.kind, detail=edge.detail)


def _line(connection: Connection, key: str, near: str, far: str) -> list[RowMapping]:
    """All edges that can be reached from `key`."""
    start = select(literal(key).label("key")).cte("line", recursive=True)
    line = start.union(select(edges.c[far]).join(start, edges.c[near] == start.c.key))
    found = select(edges).join(line, edges.c[near] == line.c.key)
    return list(connection.execute(found).mappings())
