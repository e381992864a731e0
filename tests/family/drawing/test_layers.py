"""Layered layouts of directed graphs."""

from itertools import combinations, pairwise

from family.drawing.layers import layout

SIZE, GAP, LANE = (100.0, 40.0), (20.0, 30.0), 6.0
#: flagship → start → mini → files and the next start, and the flagship teaches all.
CHAIN = [
    ("flagship", "mini start"),
    ("mini start", "mini"),
    ("flagship", "mini"),
    *(("mini", f"mini {precision}") for precision in ("fp32", "int8", "int4")),
    ("mini", "nano start"),
    ("nano start", "nano"),
    ("flagship", "nano"),
    *(("nano", f"nano {precision}") for precision in ("fp32", "int8", "int4")),
]
NODES = sorted({end for link in CHAIN for end in link})


def test_a_child_stands_below_all_its_parents() -> None:
    places, ways = layout(NODES, CHAIN, SIZE, GAP, LANE)
    assert set(places) == set(NODES)
    assert set(ways) == set(CHAIN)
    for parent, child in CHAIN:
        assert places[child][1] - places[parent][1] >= SIZE[1] + GAP[1]


def test_no_two_nodes_overlap_and_the_left_edge_is_at_zero() -> None:
    places, _ = layout(NODES, CHAIN, SIZE, GAP, LANE)
    for one, other in combinations(places.values(), 2):
        apart = abs(one[0] - other[0]) >= SIZE[0] + GAP[0] - 1e-6
        assert apart or abs(one[1] - other[1]) >= SIZE[1]
    assert min(x for x, _ in places.values()) >= SIZE[0] / 2 - 1e-6


def test_a_link_leaves_its_parent_reaches_its_child_and_passes_beside_all_others() -> None:
    places, ways = layout(NODES, CHAIN, SIZE, GAP, LANE)
    for (parent, child), way in ways.items():
        assert way[0] == (places[parent][0], places[parent][1] + SIZE[1] / 2)
        assert way[-1] == (places[child][0], places[child][1] - SIZE[1] / 2)
        for (x, y0), (x1, y1) in pairwise(way):
            if x == x1:  # down through a layer
                for at_x, at_y in places.values():
                    inside = y0 < at_y < y1
                    assert not inside or abs(x - at_x) > SIZE[0] / 2


def test_the_order_of_what_is_handed_in_decides_nothing_but_ties() -> None:
    assert layout(NODES, CHAIN, SIZE, GAP, LANE) == layout(NODES, CHAIN[::-1], SIZE, GAP, LANE)


def test_links_that_need_not_cross_do_not() -> None:
    links = [("a", "z"), ("b", "y"), ("c", "x")]
    places, _ = layout(list("abcxyz"), links, SIZE, GAP, LANE)
    order = [sorted(some, key=lambda node: places[node][0]) for some in ("abc", "xyz")]
    ends = dict(links)
    assert [ends[one] for one in order[0]] == order[1]


def test_nothing_and_a_node_alone_are_laid_out_too() -> None:
    assert layout([], [], SIZE, GAP, LANE) == ({}, {})
    assert layout(["alone"], [], SIZE, GAP, LANE) == ({"alone": (50.0, 20.0)}, {})
