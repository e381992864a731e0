"""`descent map`."""

from pathlib import Path

import click

from flows.cli.options import family_argument, json_option, store_option
from flows.cli.reading import lineage


@click.command("map")
@family_argument
@store_option
@click.option(
    "-o",
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    default="family.png",
    show_default=True,
    help="The picture, PNG or SVG by its ending.",
)
@json_option
def command(family: str | None, store: Path, output: Path, as_json: bool) -> None:
    """Draw FAMILY on one page: quality against size, and which tier started from which.

    With --json it prints what would be drawn, and draws nothing. FAMILY may be left out where
    the store holds one only.

    \b
    Example:
      descent map
      descent map quickstart -o docs/family.svg
    """
    from family.lineage.map import draw, points
    from flows.cli.show import json

    status = lineage(store).status(family)
    if as_json:
        json(points(status))
    else:
        draw(status, output)
        click.echo(output)
