"""`descent lineage`."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from flows.cli.options import json_option, model_argument, store_option
from flows.cli.reading import lineage

if TYPE_CHECKING:
    from family.lineage.views import LineageEdge, ModelCard


@click.group("lineage")
def command() -> None:
    """Say where a model came from, and what came of it.

    MODEL is `family/tier`, `family/tier/int4`, either without the family, or the first digits
    of a model's id or of the SHA-256 of one of its files.

    \b
    Example:
      descent lineage show edge
      descent lineage ancestors edge/int4
    """


@command.command()
@model_argument
@store_option
@json_option
def show(model: str, store: Path, as_json: bool) -> None:
    """Show all that is recorded about MODEL.

    \b
    Example:
      descent lineage show quickstart/edge/int4
      descent lineage show 3f9a1c04 --json
    """
    from flows.cli import show as out

    card = lineage(store).show(model)
    if as_json:
        out.json(card)
    else:
        _print_card(card)


@command.command()
@model_argument
@store_option
@json_option
def ancestors(model: str, store: Path, as_json: bool) -> None:
    """List the edges from MODEL up to the leaves, the nearest first.

    \b
    Example:
      descent lineage ancestors edge
      descent lineage ancestors edge/int4 --json
    """
    _print_edges(lineage(store).ancestors(model), as_json)


@command.command()
@model_argument
@store_option
@json_option
def descendants(model: str, store: Path, as_json: bool) -> None:
    """List the edges from MODEL down to all that came of it.

    \b
    Example:
      descent lineage descendants flagship
      descent lineage descendants mini --json
    """
    _print_edges(lineage(store).descendants(model), as_json)


def _print_edges(edges: "Sequence[LineageEdge]", as_json: bool) -> None:
    from flows.cli import show as out

    if as_json:
        out.json(edges)
    else:
        rows = [
            (one.child_name, _words(one.kind), one.parent_name, _pairs(one.detail)) for one in edges
        ]
        out.show(out.table(("model", "kind", "parent", "detail"), rows))


def _print_card(card: "ModelCard") -> None:
    from flows.cli import show as out

    facts = {
        "model": card.model,
        "names": ", ".join(card.names),
        "precision": card.precision,
        "parameters": f"{card.parameters:,}",
        "architecture": f"{card.architecture} ({_pairs(card.shape)})",
        "digest": card.digest,
        "folder": card.folder,
        "made": f"{card.created}, in {out.duration(card.seconds)}",
        "seed": str(card.seed) if card.seed is not None else "",
        "prefect run": card.prefect_run_id or "",
        "environment": _pairs(card.environment),
        "facts": _pairs(card.facts),
    }
    out.show(out.table((card.name, ""), [(name, text) for name, text in facts.items() if text]))
    if card.metrics:
        columns = ("figure", "value", "n", "95 % interval", "protocol")
        rows = [
            (
                _words(one.name),
                f"{one.value:.4g}",
                str(one.n),
                "{:.4g} to {:.4g}".format(*one.interval) if one.interval else "",
                one.protocol[:12],
            )
            for one in card.metrics
        ]
        out.show(out.table(columns, rows, right=("value", "n")))
    edges = [(_words(one.kind), one.parent_name, _pairs(one.detail)) for one in card.parents]
    if edges:
        out.show(out.table(("came", "from", "detail"), edges))
    files = [(one.path, out.size(one.bytes), one.sha256) for one in card.files]
    out.show(out.table(("file", "size", "sha256"), files, right=("size",)))


def _words(name: str) -> str:
    return name.replace("_", " ")


def _pairs(values: Mapping[str, object]) -> str:
    return ", ".join(
        f"{_words(name)} {value:.6g}" if isinstance(value, float) else f"{_words(name)} {value}"
        for name, value in values.items()
    )
