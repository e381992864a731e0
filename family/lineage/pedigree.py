"""The lineage as a picture: every model a box, weights along solid lines, outputs along dashed."""

from collections.abc import Iterator, Sequence
from itertools import pairwise

from family.drawing.layers import layout
from family.drawing.scene import (
    INK,
    LINE,
    MUTED,
    PAPER,
    TIERS,
    XY,
    Box,
    Group,
    Path,
    Scene,
    Shape,
    Text,
    arrowhead,
    moved,
    width_of,
)
from family.lineage.dossier import MEMBERS
from family.lineage.graph import Graph, Node
from family.lineage.said import BASE, FLAGSHIP
from family.lineage.views import LineageEdge
from family.lineage.words import edge, millions
from family.stage import OUTPUTS

HEIGHT, GAP, LANE = 44.0, (16.0, 34.0), 6.0
MARGIN, LEGEND = 16.0, 34.0
DASH = (5.0, 4.0)


def picture(graph: Graph, *, links: bool = False) -> Scene:
    """Sources at the top. With `links` a box leads to `#model-` and its model's id."""
    names = _names(graph)
    tints = colours(graph)
    nodes = {node.model: node for node in graph.nodes}
    wide = max((width_of(name, 13, True) for name in names.values()), default=0.0)
    size = (max(wide + 28, 118.0), HEIGHT)
    ends = [(one.parent, one.child) for one in graph.edges]
    places, ways = layout(list(names), ends, size, GAP, LANE)
    shapes: list[Shape] = []
    for (parent, child), way in ways.items():
        between = [one for one in graph.edges if (one.parent, one.child) == (parent, child)]
        shapes += _links(between, way, names)
    for model, at in places.items():
        node = nodes.get(model)
        about = _about(model, node, graph)
        shapes.append(_box(node, names[model], about, at, size[0], tints[model], links))
    right = max((x + size[0] / 2 for x, _ in places.values()), default=0.0)
    right = max(right, *(x + LANE for way in ways.values() for x, _ in way), 340.0)
    bottom = max((y + HEIGHT / 2 for _, y in places.values()), default=0.0)
    return Scene(
        right + 2 * MARGIN,
        bottom + 2 * MARGIN + LEGEND,
        "Lineage: which model came from which",
        (*moved(shapes, MARGIN, MARGIN), *_legend((MARGIN, bottom + MARGIN + LEGEND))),
    )


def _names(graph: Graph) -> dict[str, str]:
    """Model -> what it is called; without the family if there is only one."""
    names = {node.model: node.name for node in graph.nodes}
    for one in graph.edges:
        names.setdefault(one.parent, one.parent_name)
    families = {name.partition("/")[0] for name in names.values()}
    if len(families) > 1:
        return names
    return {model: name.partition("/")[2] or name for model, name in names.items()}


def colours(graph: Graph) -> dict[str, str]:
    """Model -> the colour of its tier, as on the map: from the largest to the smallest."""
    tiers: dict[str, str] = {}
    found = {one.parent: MUTED for one in graph.edges}
    for node in graph.nodes:
        tier = "/".join(node.name.split("/")[:2]).partition("@")[0]
        if node.step not in (FLAGSHIP, BASE):
            tiers.setdefault(tier, TIERS[len(tiers) % len(TIERS)])
        found[node.model] = tiers.get(tier, INK)
    return found


def _about(model: str, node: Node | None, graph: Graph) -> str:
    """How a model was made, and how large it is."""
    if node is None:
        return "not in the store"
    made = [one.kind for one in graph.edges if one.child == model and one.kind.endswith("_from")]
    size = millions(node.parameters)
    return f"{made[-1].removesuffix('_from')} · {size}" if made else size


def _box(
    node: Node | None, name: str, about: str, at: XY, wide: float, colour: str, links: bool
) -> Group:
    """A member of the family is filled; starts and exported files are outlined."""
    x, y = at
    area = (x - wide / 2, y - HEIGHT / 2, x + wide / 2, y + HEIGHT / 2)
    member = node is not None and node.step in MEMBERS
    box = Box(area, 9, colour, colour if member else PAPER, 1.5)
    lines = (
        Text((x, y - 3), name, 13, PAPER if member else INK, bold=True, anchor="middle"),
        Text((x, y + 13), about, 11, PAPER if member else MUTED, anchor="middle"),
    )
    href = f"#model-{node.model}" if links and node else ""
    data = {"model": node.model} if node else {}
    return Group((box, *lines), "node", href, f"{name}: {about}", data)


def _links(edges: Sequence[LineageEdge], way: Sequence[XY], names: dict[str, str]) -> list[Group]:
    """The lines between two models: one for weights, and one for outputs."""
    found = []
    flows = [[one for one in edges if (one.kind in OUTPUTS) == out] for out in (False, True)]
    for out, some in enumerate(flows):
        if not some:
            continue
        aside = 5.0 * (2 * out - 1) * all(flows)
        points = [(x + aside, y) for x, y in way]
        curve = list(_smooth(points))
        says = "\n".join(
            f"{names[one.child]}: {edge(one.kind, names[one.parent], one.detail)}" for one in some
        )
        line = Path(tuple(curve), stroke=LINE, width=1.5, dash=DASH if out else None, curved=True)
        wide = Path(tuple(curve), stroke=PAPER, width=12, opacity=0, curved=True)  # to point at
        x, y = points[-1]
        head = arrowhead((x, y + 1), (x, 0), LINE, 8)
        ends = {"parent": some[0].parent, "child": some[0].child}
        found.append(Group((wide, line, head), "edge", says=says, data=ends))
    return found


def _smooth(points: Sequence[XY]) -> Iterator[XY]:
    """A curve through the points that leaves and reaches each straight down."""
    yield points[0]
    for (x0, y0), (x1, y1) in pairwise(points):
        yield from ((x0, (y0 + y1) / 2), (x1, (y0 + y1) / 2), (x1, y1))


def _legend(at: XY) -> Iterator[Shape]:
    x, y = at
    for dash, words in ((None, "weights"), (DASH, "outputs: logits and text")):
        yield Path(((x, y - 4), (x + 28, y - 4)), stroke=LINE, width=1.5, dash=dash)
        yield arrowhead((x + 34, y - 4), (x, y - 4), LINE, 8)
        yield Text((x + 42, y), words, 12, MUTED)
        x += 64 + width_of(words, 12)
