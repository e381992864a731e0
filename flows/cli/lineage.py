"""`descent lineage`."""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import click

from flows.cli.options import family_argument, json_option, model_argument, store_option
from flows.cli.reading import lineage

if TYPE_CHECKING:
    from rich.console import RenderableType

Answer = TypeVar("Answer")


@click.group("lineage")
def command() -> None:
    """Say where a model came from, and what came of it.

    MODEL is `family/tier`, `family/tier/int4`, either without the family, or the first digits
    of a model's id or of the SHA-256 of one of its files. Behind an `@` may stand a release or
    an alias: `edge@1.2.0`, `edge/int4@production`.

    The index is lineage.db in the store, or the database that DESCENT_LINEAGE_URL names, as in
    postgresql://user:password@host:5432/database.

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
    from flows.cli import tables

    _answer(lineage(store).show(model), tables.card, as_json)


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
    from flows.cli import tables

    _answer(lineage(store).ancestors(model), tables.edges, as_json)


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
    from flows.cli import tables

    _answer(lineage(store).descendants(model), tables.edges, as_json)


@command.command()
@click.argument("before")
@click.argument("after")
@store_option
@json_option
def diff(before: str, after: str, store: Path, as_json: bool) -> None:
    """Tell which edge, setting, data or code differs between BEFORE and AFTER, and what moved.

    Figures are compared only where both were measured under one protocol.

    \b
    Example:
      descent lineage diff nano@3f9a1c04 nano
      descent lineage diff nano edge --json
    """
    from flows.cli import tables

    _answer(lineage(store).diff(before, after), tables.diff, as_json)


@command.command()
@model_argument
@store_option
@json_option
def why(model: str, store: Path, as_json: bool) -> None:
    """Tell what made MODEL's key new, against the one made before it in its family and tier.

    \b
    Example:
      descent lineage why edge
      descent lineage why edge/int4 --json
    """
    from flows.cli import tables

    _answer(lineage(store).why(model), tables.why, as_json)


@command.command()
@click.argument("teacher")
@store_option
@json_option
def contains(teacher: str, store: Path, as_json: bool) -> None:
    """List every shipped file that descends from TEACHER, superseded ones last.

    \b
    Example:
      descent lineage contains flagship
      descent lineage contains mini --json
    """
    from flows.cli import tables

    _answer(lineage(store).contains(teacher), tables.contained, as_json)


@command.command()
@family_argument
@store_option
@json_option
def stale(family: str | None, store: Path, as_json: bool) -> None:
    """List what a new flagship, or new prompts, left behind in FAMILY.

    Every tier and file set that was made from what the family has no longer: those that it has
    now, and those of releases that an alias stands on.

    \b
    Example:
      descent lineage stale
      descent lineage stale quickstart --json
    """
    from flows.cli import tables

    _answer(lineage(store).stale(family), tables.stale, as_json)


@command.command()
@click.argument("one")
@click.argument("other")
@store_option
@json_option
def path(one: str, other: str, store: Path, as_json: bool) -> None:
    """Show the shortest way between ONE model and an OTHER that it came from, in either order.

    \b
    Example:
      descent lineage path edge/int4 flagship
      descent lineage path flagship edge --json
    """
    from flows.cli import tables

    _answer(lineage(store).path(one, other), tables.edges, as_json)


@command.command()
@click.argument("model", required=False)
@click.option(
    "--format",
    "form",
    type=click.Choice(["mermaid", "dot", "svg"]),
    default="mermaid",
    show_default=True,
    help="For Mermaid, for Graphviz, or a picture.",
)
@store_option
@json_option
def graph(model: str | None, form: str, store: Path, as_json: bool) -> None:
    """Draw all that MODEL came from and that came of it; without MODEL, what families have now.

    Weights flow along solid arrows, outputs along dashed ones.

    \b
    Example:
      descent lineage graph edge
      descent lineage graph --format svg > family.svg
      descent lineage graph --format dot | dot -Tpdf > family.pdf
    """
    found = lineage(store).graph(model)
    if as_json:
        from flows.cli import show as out

        out.json(found)
    elif form == "svg":
        from family.drawing.svg import document
        from family.lineage.pedigree import picture

        click.echo(document(picture(found)), nl=False)
    else:
        click.echo(found.dot() if form == "dot" else found.mermaid(), nl=False)


@command.command()
@click.option(
    "--take-over", is_flag=True, help="Also where it is another store's index, which is forgotten."
)
@store_option
@json_option
def reindex(take_over: bool, store: Path, as_json: bool) -> None:
    """Rebuild the index from the store's files, which are right where the two differ.

    \b
    Example:
      descent lineage reindex
      DESCENT_LINEAGE_URL=postgresql://me@db/lineage descent lineage reindex
    """
    from family.lineage.follow import rebuilt
    from family.store import Store
    from flows.cli import tables

    _answer(rebuilt(Store.existing(store), take_over=take_over), tables.reindexed, as_json)


def _answer(
    found: Answer, as_tables: "Callable[[Answer], Iterable[RenderableType]]", as_json: bool
) -> None:
    """Print an answer as JSON, or as tables for people."""
    from flows.cli import show as out

    if as_json:
        out.json(found)
    else:
        out.show(*as_tables(found))
