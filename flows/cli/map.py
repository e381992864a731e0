"""`descent map`."""

from pathlib import Path

import click

from flows.cli.options import (
    family_argument,
    json_option,
    output_option,
    release_option,
    store_option,
)
from flows.cli.reading import lineage


@click.command("map")
@family_argument
@store_option
@release_option
@output_option("The picture, PNG or SVG by its ending.", default="family.png")
@json_option
def command(
    family: str | None, store: Path, version: str | None, output: Path, as_json: bool
) -> None:
    """Draw FAMILY on one page: quality against size and speed, and who taught whom.

    Earlier releases are faint. With --json it prints what would be drawn, and draws nothing.
    FAMILY may be left out where the store holds one only.

    \b
    Example:
      descent map
      descent map quickstart --version 1.2.0 -o docs/family.svg
    """
    from family.lineage.map import draw
    from family.lineage.points import points
    from flows.cli.show import json

    records = lineage(store)
    status = records.status(family, version)
    earlier = records.earlier(status)
    if as_json:
        json(points(status, earlier))
    else:
        draw(status, output, earlier)
        click.echo(output)
