"""The lineage as a picture."""

import pytest

from family.drawing.scene import INK, LINE, Box, Group, Path
from family.drawing.svg import document
from family.lineage.graph import Graph
from family.lineage.pedigree import picture
from family.lineage.queries import Lineage
from tests.family.lineage.hand_built import Family


@pytest.fixture(scope="module")
def graph(told: Family) -> Graph:
    return Lineage(told.store).graph()


def groups(graph: Graph, name: str, *, links: bool = False) -> list[Group]:
    shapes = picture(graph, links=links).shapes
    return [shape for shape in shapes if isinstance(shape, Group) and shape.name == name]


def test_every_model_is_a_box_with_its_name_how_it_was_made_and_its_size(graph: Graph) -> None:
    boxes = {group.says for group in groups(graph, "node")}
    assert boxes >= {
        "flagship: 134.5 M",
        "mini/start: pruned · 61.0 M",
        "mini: distilled · 61.0 M",
        "mini/fp32: exported · 61.0 M",
        "mini/int4: quantized · 61.0 M",
    }
    assert len(boxes) == len(graph.nodes) == 16


def test_weights_flow_along_solid_lines_and_outputs_along_dashed_ones(graph: Graph) -> None:
    ids = {node.name: node.model for node in graph.nodes}
    lines = {}
    for group in groups(graph, "edge"):
        (line,) = (one for one in group.shapes if isinstance(one, Path) and one.stroke == LINE)
        lines[group.data["parent"], group.data["child"]] = line, group.says
    taught, said = lines[ids["toy/flagship"], ids["toy/mini"]]
    assert taught.dash
    assert said.splitlines()[0].startswith("mini: distilled from flagship over 200,000 tokens")
    assert said.splitlines()[1].startswith("mini: taught on text that flagship wrote")
    started, _ = lines[ids["toy/mini/start"], ids["toy/mini"]]
    assert not started.dash


def test_the_same_records_draw_the_same_bytes(told: Family) -> None:
    first, second = (document(picture(Lineage(told.store).graph("nano"))) for _ in range(2))
    assert first == second
    assert 'data-model="' in first
    assert "href" not in first


def test_with_links_every_box_leads_to_its_model(graph: Graph) -> None:
    for group in groups(graph, "node", links=True):
        assert group.href == f"#model-{group.data['model']}"


def test_tiers_have_the_colours_of_the_map_and_the_flagship_is_ink(graph: Graph) -> None:
    strokes = {
        group.says.partition(":")[0]: group.shapes[0].stroke
        for group in groups(graph, "node")
        if isinstance(group.shapes[0], Box)
    }
    assert strokes["flagship"] == INK
    assert (strokes["mini"], strokes["mini/int4"]) == ("tier-1", "tier-1")
    assert (strokes["nano"], strokes["edge"]) == ("tier-2", "tier-3")


def test_a_parent_that_the_index_has_no_more_is_a_box_without_a_link(graph: Graph) -> None:
    flagship = next(node for node in graph.nodes if node.step == "flagship")
    rest = graph.model_copy(update={"nodes": tuple(n for n in graph.nodes if n != flagship)})
    (lost,) = (one for one in groups(rest, "node", links=True) if not one.href)
    assert lost.says == "flagship: not in the store"


def test_names_keep_their_family_where_there_are_two(graph: Graph) -> None:
    other = graph.nodes[0].model_copy(update={"model": "f" * 16, "name": "other/flagship"})
    both = graph.model_copy(update={"nodes": (*graph.nodes, other)})
    says = {group.says.partition(":")[0] for group in groups(both, "node")}
    assert {"toy/flagship", "other/flagship", "toy/mini/int4"} <= says


def test_nothing_is_a_picture_too() -> None:
    assert document(picture(Graph(nodes=(), edges=()))).startswith("<svg")
