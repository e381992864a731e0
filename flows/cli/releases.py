"""`descent releases`."""

from pathlib import Path

import click

from flows.cli.options import family_argument, json_option, store_option
from flows.cli.reading import lineage


@click.command("releases")
@family_argument
@store_option
@json_option
def command(family: str | None, store: Path, as_json: bool) -> None:
    """List the releases of FAMILY, where its aliases stand, and what people decided.

    FAMILY may be left out where the store holds one only.

    \b
    Example:
      descent releases
      descent releases quickstart --json
    """
    from flows.cli import show, tables

    found = lineage(store).releases(family)
    if as_json:
        show.json(found)
    else:
        show.show(*tables.releases(found))
