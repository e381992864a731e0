"""Where the nodes of a directed graph stand, in layers from its sources down, and how its edges
run between them.

After Sugiyama, Tagawa and Toda, "Methods for Visual Understanding of Hierarchical System
Structures" (1981): a layer for each step, edges that pass through layers take a place in each,
the order in a layer follows the neighbours' middle, and so do the places.
"""

from collections.abc import Iterable, Mapping, Sequence
from graphlib import TopologicalSorter
from itertools import pairwise

from family.drawing.scene import XY

Link = tuple[str, str]
#: A node, or the place of an edge in a layer that it passes: its ends, and the layer.
Slot = tuple[str, str, int]
SWEEPS = 12
#: How much more than others a link's own places in two layers pull at one another.
STRAIGHT = 16


def layout(
    nodes: Sequence[str],
    links: Iterable[Link],
    size: tuple[float, float],
    gap: tuple[float, float],
    lane: float,
) -> tuple[dict[str, XY], dict[Link, tuple[XY, ...]]]:
    """The middle of each node, and the points that each link from parent to child runs through.

    All nodes have one size; gaps are between neighbours and between layers; a link that passes a
    layer is a `lane` wide there."""
    links = sorted(set(links))
    depth = _depths(nodes, links)
    chains = {link: _chain(link, depth) for link in links}
    layers = _ordered(nodes, depth, chains.values())
    places = _placed(layers, chains.values(), size[0], gap[0], lane)
    down = size[1] + gap[1]
    at = {slot: (x, slot[2] * down + size[1] / 2) for slot, x in places.items()}
    half = size[1] / 2
    ways = {}
    for link, chain in chains.items():
        (x0, y0), *between, (x1, y1) = (at[slot] for slot in chain)
        ends = (x0, y0 + half), (x1, y1 - half)
        passed = [(x, y + side) for x, y in between for side in (-half, half)]
        ways[link] = (ends[0], *passed, ends[1])
    return {node: at[node, "", depth[node]] for node in nodes}, ways


def _depths(nodes: Sequence[str], links: Sequence[Link]) -> dict[str, int]:
    """How many links lead to each node at most; a source stands right above its children."""
    above: dict[str, list[str]] = {node: [] for node in nodes}
    below: dict[str, list[str]] = {node: [] for node in nodes}
    for parent, child in links:
        above[child].append(parent)
        below[parent].append(child)
    order = list(TopologicalSorter(above).static_order())
    depth: dict[str, int] = {}
    for node in order:
        depth[node] = max((depth[one] + 1 for one in above[node]), default=0)
    for node in order:
        if not above[node] and below[node]:
            depth[node] = min(depth[one] for one in below[node]) - 1
    return depth


def _chain(link: Link, depth: Mapping[str, int]) -> list[Slot]:
    parent, child = link
    passed = range(depth[parent] + 1, depth[child])
    between = [(parent, child, layer) for layer in passed]
    return [(parent, "", depth[parent]), *between, (child, "", depth[child])]


def _ordered(
    nodes: Sequence[str], depth: Mapping[str, int], chains: Iterable[Sequence[Slot]]
) -> list[list[Slot]]:
    """The slots of each layer in an order that crosses few links."""
    chains = list(chains)
    layers: list[list[Slot]] = [[] for _ in range(max(depth.values(), default=-1) + 1)]
    for slot in dict.fromkeys(
        [*((node, "", depth[node]) for node in nodes), *(s for chain in chains for s in chain)]
    ):
        layers[slot[2]].append(slot)
    up, down = _neighbours(chains)
    best, fewest = [list(layer) for layer in layers], _crossings(layers, down)
    for sweep in range(SWEEPS):
        near = down if sweep % 2 else up
        for layer in reversed(layers) if sweep % 2 else layers:
            rank = {slot: at for other in layers for at, slot in enumerate(other)}
            middle = {
                slot: sum(ranks) / len(ranks)
                if (ranks := [rank[o] for o in near.get(slot, ())])
                else rank[slot]
                for slot in layer
            }
            layer.sort(key=middle.__getitem__)
        if (crossed := _crossings(layers, down)) < fewest:
            best, fewest = [list(layer) for layer in layers], crossed
    return best


def _neighbours(
    chains: Iterable[Sequence[Slot]],
) -> tuple[dict[Slot, list[Slot]], dict[Slot, list[Slot]]]:
    up: dict[Slot, list[Slot]] = {}
    down: dict[Slot, list[Slot]] = {}
    for chain in chains:
        for upper, lower in pairwise(chain):
            up.setdefault(lower, []).append(upper)
            down.setdefault(upper, []).append(lower)
    return up, down


def _crossings(layers: Sequence[Sequence[Slot]], down: Mapping[Slot, Sequence[Slot]]) -> int:
    """How many pairs of links cross between neighbouring layers."""
    count = 0
    for upper, lower in pairwise(layers):
        rank = {slot: at for at, slot in enumerate(lower)}
        ends: list[int] = []
        for slot in upper:
            own = sorted(rank[one] for one in down.get(slot, ()))
            count += sum(end > one for one in own for end in ends)
            ends += own
    return count


def _placed(
    layers: Sequence[Sequence[Slot]],
    chains: Iterable[Sequence[Slot]],
    width: float,
    gap: float,
    lane: float,
) -> dict[Slot, float]:
    """How far to the right each slot's middle is: as near to its neighbours as there is room."""
    up, down = _neighbours(chains)
    half = {slot: (lane if slot[1] else width) / 2 for layer in layers for slot in layer}
    at: dict[Slot, float] = {}
    for layer in layers:
        edge = 0.0
        for slot in layer:
            at[slot] = edge + half[slot]
            edge += 2 * half[slot] + gap
    for sweep in range(6 * SWEEPS):
        for layer in layers if sweep % 2 == 0 else reversed(layers):
            wanted, weights = [], []
            for slot in layer:
                near = [*up.get(slot, ()), *down.get(slot, ())]
                pulls = [STRAIGHT if slot[1] and one[1] else 1 for one in near]
                weights.append(sum(pulls) or 1)
                pulled = sum(at[one] * pull for one, pull in zip(near, pulls, strict=True))
                wanted.append(pulled / weights[-1] if near else at[slot])
            apart = [half[one] + gap + half[other] for one, other in pairwise(layer)]
            at |= zip(layer, _spread(wanted, weights, apart), strict=True)
    left = min((at[slot] - half[slot] for slot in at), default=0.0)
    return {slot: x - left for slot, x in at.items()}


def _spread(
    wanted: Sequence[float], weights: Sequence[float], apart: Sequence[float]
) -> list[float]:
    """Places as near as can be (least squares) to those `wanted`, in order and `apart`.

    Pool adjacent violators, on places from which the distances are taken off."""
    offsets = [0.0]
    for distance in apart:
        offsets.append(offsets[-1] + distance)
    pools: list[tuple[float, float, int]] = []
    for want, weight, offset in zip(wanted, weights, offsets, strict=False):
        total, heavy, count = (want - offset) * weight, weight, 1
        while pools and pools[-1][0] / pools[-1][1] > total / heavy:
            more, heavier, others = pools.pop()
            total, heavy, count = total + more, heavy + heavier, count + others
        pools.append((total, heavy, count))
    bases = [total / heavy for total, heavy, count in pools for _ in range(count)]
    return [base + offset for base, offset in zip(bases, offsets, strict=False)]
