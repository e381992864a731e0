"""The card of each model, which its box in the graph opens."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import PurePath

from family.lineage.graph import Graph
from family.lineage.pedigree import colours
from family.lineage.views import LineageEdge, ModelCard
from family.lineage.words import edge, millions, scalar, size, spaced
from family.stage import Scalar, differences

#: What is said, its value, and what stands small below.
Row = tuple[str, str, str]


@dataclass(frozen=True)
class Link:
    """Words about another model, and where its card is if the page has it."""

    words: str
    href: str


@dataclass(frozen=True)
class File:
    """One file of a model."""

    name: str
    size: str
    sha256: str


@dataclass(frozen=True)
class Card:
    """What the page tells of one model."""

    model: str
    name: str
    colour: str
    facts: tuple[str, ...]
    parents: tuple[Link, ...]
    children: tuple[Link, ...]
    tables: Mapping[str, tuple[Row, ...]]
    files: tuple[File, ...]


def cards(found: Mapping[str, ModelCard], graph: Graph) -> Iterator[Card]:
    """A card for each model of the graph, with the name and the colour that it has there."""
    tints = colours(graph)
    for node in graph.nodes:
        card = found[node.model]
        yield Card(
            model=card.model,
            name=node.name,
            colour=tints[card.model],
            facts=(
                f"{millions(card.parameters)} parameters",
                card.precision,
                card.architecture,
                card.model,
            ),
            parents=tuple(
                Link(edge(one.kind, one.parent_name, one.detail), _href(one.parent, found))
                for one in card.parents
            ),
            children=tuple(_children(card.children, found)),
            tables={
                "Figures": tuple(_figures(card)),
                "Taught with": tuple(_data(card)),
                "Shape": _pairs(card.shape.items()),
                "Recipe": tuple(_recipe(card)),
                "Made": tuple(_made(card)),
                "Facts": _pairs(card.facts.items()),
                "Machine": _pairs(card.environment.items()),
            },
            files=tuple(
                File(
                    PurePath(file.path).relative_to(card.folder).as_posix(),
                    size(file.bytes),
                    file.sha256,
                )
                for file in card.files
            ),
        )


def _href(model: str, there: Mapping[str, ModelCard]) -> str:
    return f"#model-{model}" if model in there else ""


def _children(edges: Iterable[LineageEdge], there: Mapping[str, ModelCard]) -> Iterator[Link]:
    """Those that the page has: later families may have made more of a model."""
    for one in edges:
        if one.child in there:
            yield Link(f"{one.child_name}, {spaced(one.kind)} it", _href(one.child, there))


def _figures(card: ModelCard) -> Iterator[Row]:
    for figure in card.metrics:
        about = f"{figure.n:,} {figure.unit}".rstrip()
        if figure.interval:
            low, high = figure.interval
            about = f"{low:.4g} to {high:.4g}, {about}"
        yield spaced(figure.name), scalar(figure.value), about


def _data(card: ModelCard) -> Iterator[Row]:
    for data in card.data:
        rows = f"{data.train:,} rows"
        tokens = f"{data.tokens:,} tokens" if data.tokens is not None else ""
        about = (data.kind, tokens, data.licence or "", data.generated_by or "")
        yield data.name, rows, ", ".join(filter(None, about))


def _recipe(card: ModelCard) -> Iterator[Row]:
    """The stage, and every setting that decided the result."""
    yield "stage", str(card.recipe["stage"]), f"version {card.recipe['version']}"
    for name, _, value in differences({}, card.recipe["settings"]):
        yield spaced(name), str(value), ""


def _made(card: ModelCard) -> Iterator[Row]:
    yield "at", card.created, ""
    yield "seconds", f"{card.seconds:,.1f}", ""
    if card.energy_joules is not None:
        yield "energy", f"{card.energy_joules / 3.6e6:.3g} kWh", ""
    if card.seed is not None:
        yield "seed", str(card.seed), ""
    yield "key", card.key, ""
    yield "digest", card.digest, ""


def _pairs(items: Iterable[tuple[str, Scalar]]) -> tuple[Row, ...]:
    return tuple((spaced(name), scalar(value), "") for name, value in items)
