"""`descent timeline`."""

from pathlib import Path

import click

from flows.cli.options import family_argument, json_option, store_option
from flows.cli.reading import lineage


@click.command("timeline")
@family_argument
@store_option
@click.option(
    "-o",
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Draw it into this file, PNG or SVG by its ending.",
)
@json_option
def command(family: str | None, store: Path, output: Path | None, as_json: bool) -> None:
    """Tell when each step of the last build of FAMILY ran, and what ran beside it.

    What that build reused is left out. Steps that a pause of more than 15 minutes divides are of
    two builds. FAMILY may be left out where the store holds one only.

    \b
    Example:
      descent timeline
      descent timeline quickstart -o timeline.svg
    """
    from family.lineage.timeline import draw, headline, rows, timeline
    from family.store import Store
    from flows.cli.show import json, show, table

    name = lineage(store).status(family).family
    found = timeline(Store.existing(store), name)
    if output:
        draw(found, output)
        click.echo(output)
    elif as_json:
        json(found)
    else:
        columns = ("tier", "step", "begins at", "takes")
        show(headline(found), table(columns, rows(found), right=columns[2:]))
