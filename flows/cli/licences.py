"""`descent licences`."""

from pathlib import Path

import click

from flows.cli.options import json_option, model_argument, store_option
from flows.cli.reading import lineage


@click.command("licences")
@model_argument
@store_option
@json_option
def command(model: str, store: Path, as_json: bool) -> None:
    """Say which licences reach MODEL, by which edge, and whether what they ask for is met.

    Looks for names, notices and licence texts in the exported folders and in the notices that ship
    with them. A duty's name, `llama3.1/name`, is what `descent waive` takes. This is no legal
    advice.

    \b
    Example:
      descent licences edge
      descent licences edge/int4 --json
    """
    from flows.cli import show as out
    from flows.cli import tables

    found = lineage(store).licences(model)
    if as_json:
        out.json(found)
    else:
        out.show(*tables.licences(found))
