"""Models and the edges between them, as a drawing that other programs lay out."""

from collections.abc import Iterable, Sequence

from pydantic import Field
from sqlalchemy import Connection, RowMapping, select

from family.lineage.names import ID, Names, parts, places_of
from family.lineage.read import as_edge, line
from family.lineage.tables import edges, models
from family.lineage.views import LineageEdge, View
from family.lineage.words import millions, spaced
from family.stage import OUTPUTS


class Node(View):
    """One model of a graph."""

    model: str
    name: str
    step: str = Field(description="What made it: `flagship`, `start`, `distill`, `export:int4`.")
    precision: str
    parameters: int


class Graph(View):
    """Models and how they came from one another. A parent that was swept is in edges alone."""

    nodes: tuple[Node, ...]
    edges: tuple[LineageEdge, ...]

    def mermaid(self) -> str:
        """A flowchart for Mermaid. Weights flow along solid arrows, outputs along dashed ones."""
        labels = self._labels()
        marks = {model: f"m{place}" for place, model in enumerate(labels)}
        lines = ["flowchart TD"]
        for model, said in labels.items():
            text = "<br/>".join(said)
            lines.append(f'  {marks[model]}["{text}"]')
        for one in self.edges:
            arrow = "-.->" if one.kind in OUTPUTS else "-->"
            ends = marks[one.parent], marks[one.child]
            lines.append(f"  {ends[0]} {arrow}|{spaced(one.kind)}| {ends[1]}")
        return "\n".join(lines) + "\n"

    def dot(self) -> str:
        """A digraph for Graphviz. Weights flow along solid arrows, outputs along dashed ones."""
        lines = ["digraph lineage {", "  node [shape=box];"]
        for model, said in self._labels().items():
            text = r"\n".join(said)
            lines.append(f'  "{model}" [label="{text}"];')
        for one in self.edges:
            style = ", style=dashed" if one.kind in OUTPUTS else ""
            lines.append(f'  "{one.parent}" -> "{one.child}" [label="{spaced(one.kind)}"{style}];')
        return "\n".join([*lines, "}"]) + "\n"

    def _labels(self) -> dict[str, tuple[str, ...]]:
        """What stands at each model: its name, and its size and precision where it is known."""
        labels: dict[str, tuple[str, ...]] = {
            node.model: (node.name, f"{millions(node.parameters)} {node.precision}")
            for node in self.nodes
        }
        for one in self.edges:
            labels.setdefault(one.parent, (one.parent_name,))
        return labels


def around(connection: Connection, names: Names, key: str) -> Graph:
    """All that a model came from, and all that came of it."""
    rows = [*line(connection, key, "up"), *line(connection, key, "down")]
    return _graph(connection, names, rows, [key])


def now(
    connection: Connection, names: Names, family: str | None = None, version: str | None = None
) -> Graph:
    """Every model that a family has now, or in a release, and what it came from."""
    places = places_of(version)
    held = select(places.c.key)
    if family:
        held = held.where(places.c.family == family)
    rows = connection.execute(select(edges).where(edges.c.child.in_(held))).mappings()
    found = connection.scalars(select(models.c.key).where(models.c.key.in_(held)))
    return _graph(connection, names, list(rows), found)


def _graph(
    connection: Connection, names: Names, rows: Sequence[RowMapping], also: Iterable[str]
) -> Graph:
    keys = {*also, *(row[end] for row in rows for end in ("child", "parent"))}
    names.learn(keys)
    found = [
        row
        for some in parts(keys)
        for row in connection.execute(select(models).where(models.c.key.in_(some)))
    ]
    nodes = [
        Node(
            model=row.key[:ID],
            name=names.of(row.key),
            step=row.step,
            precision=row.precision,
            parameters=row.parameters,
        )
        for row in found
    ]
    ordered = sorted(rows, key=lambda row: (names.of(row["child"]), row["position"]))
    return Graph(
        nodes=tuple(sorted(nodes, key=lambda node: (-node.parameters, node.name))),
        edges=tuple(as_edge(row, names) for row in ordered),
    )
