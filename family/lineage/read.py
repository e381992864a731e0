"""Rows about one model, as views."""

from collections import deque
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any, Literal

from sqlalchemy import CTE, Connection, Row, RowMapping, literal, select

from family.lineage.names import ID, Names
from family.lineage.tables import builds, edges, files, heads, metrics, models
from family.lineage.views import Contained, Figure, LineageEdge, ModelFile, Parent

Way = Literal["up", "down"]


def files_of(connection: Connection, key: str, store: Path) -> list[ModelFile]:
    """A model's files, by path."""
    rows = connection.execute(select(files).where(files.c.model == key).order_by(files.c.path))
    return [_file(row, store) for row in rows]


def _file(row: Row[Any], store: Path) -> ModelFile:
    return ModelFile(path=str(store / row.path), bytes=row.bytes, sha256=row.sha256)


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
    way: Way,
    *,
    deep: bool = True,
) -> Iterator[LineageEdge]:
    """The edges at a model, and with `deep` those beyond, breadth first, each once."""
    near, far = ("child", "parent") if way == "up" else ("parent", "child")
    beyond: dict[str, list[RowMapping]] = {}
    rows = line(connection, key, way) if deep else _at(connection, key, near)
    names.learn(row[end] for row in rows for end in ("child", "parent"))
    for row in rows:
        beyond.setdefault(row[near], []).append(row)
    waiting = deque([key])
    while waiting:
        for row in sorted(
            beyond.pop(waiting.popleft(), []),
            key=lambda row: (names.of(row["child"]), row["position"]),
        ):
            yield as_edge(row, names)
            if deep:
                waiting.append(row[far])


def as_edge(row: RowMapping, names: Names) -> LineageEdge:
    """A row of edges in words."""
    return LineageEdge(
        child=row["child"][:ID],
        child_name=names.of(row["child"]),
        parent=row["parent"][:ID],
        parent_name=names.of(row["parent"]),
        kind=row["kind"],
        detail=row["detail"],
    )


def parents_of(connection: Connection, names: Names, key: str) -> Iterator[Parent]:
    """What a model came from, in the order in which its stage told it."""
    for edge in edges_of(connection, names, key, "up", deep=False):
        yield Parent(model=edge.parent, name=edge.parent_name, kind=edge.kind, detail=edge.detail)


def path(
    connection: Connection, names: Names, younger: str, elder: str
) -> list[LineageEdge] | None:
    """The shortest way up from one model to another; None if there is none."""
    above: dict[str, list[RowMapping]] = {}
    for row in sorted(line(connection, younger, "up"), key=lambda row: row["position"]):
        above.setdefault(row["child"], []).append(row)
    came: dict[str, RowMapping | None] = {younger: None}
    waiting = deque([younger])
    while waiting and elder not in came:
        child = waiting.popleft()
        for row in above.get(child, ()):
            if row["parent"] not in came:
                came[row["parent"]] = row
                waiting.append(row["parent"])
    if elder not in came:
        return None
    found: list[LineageEdge] = []
    while row_up := came[elder]:
        found.append(as_edge(row_up, names))
        elder = row_up["child"]
    return found[::-1]


def shared_ancestors(connection: Connection, names: Names, one: str, other: str) -> list[str]:
    """The names of the nearest models that both came from: those that came from no other one."""
    left, right = line(connection, one, "up"), line(connection, other, "up")
    both = {row["parent"] for row in left} & {row["parent"] for row in right}
    beyond = {row["parent"] for row in left if row["child"] in both}
    return sorted(names.of(key) for key in both - beyond)


def contained(connection: Connection, names: Names, key: str, store: Path) -> Iterator[Contained]:
    """The sets of files that were exported from a model or from anything that came of it."""
    reached = reach(key, "down")
    shipped = (
        select(models)
        .join(reached, reached.c.key == models.c.key)
        .where(models.c.step.startswith("export:"))
        .cte("shipped")
    )
    rows = list(connection.execute(select(shipped)).mappings())
    names.learn(row["key"] for row in rows)
    parts_of: dict[str, list[ModelFile]] = {row["key"]: [] for row in rows}
    held = select(files).join(shipped, shipped.c.key == files.c.model).order_by(files.c.path)
    for file in connection.execute(held):
        parts_of[file.model].append(_file(file, store))
    for row in rows:
        yield Contained(
            name=names.of(row["key"]),
            model=row["key"][:ID],
            precision=row["precision"],
            now=bool(names.all(row["key"])),
            folder=str(store / "artifacts" / row["key"]),
            files=tuple(parts_of[row["key"]]),
        )


def line(connection: Connection, key: str, way: Way) -> list[RowMapping]:
    """All edges that can be reached from `key`."""
    near = "child" if way == "up" else "parent"
    reached = reach(key, way)
    found = select(edges).join(reached, edges.c[near] == reached.c.key)
    return list(connection.execute(found).mappings())


def reach(key: str, way: Way) -> CTE:
    """The keys of a model and of all that it came from, or of all that came of it."""
    near, far = ("child", "parent") if way == "up" else ("parent", "child")
    start = select(literal(key).label("key")).cte("reach", recursive=True)
    return start.union(select(edges.c[far]).join(start, edges.c[near] == start.c.key))


def _at(connection: Connection, key: str, near: str) -> list[RowMapping]:
    return list(connection.execute(select(edges).where(edges.c[near] == key)).mappings())
