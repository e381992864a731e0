"""`descent report`."""

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


@click.command("report")
@family_argument
@store_option
@release_option
@output_option("The page.", default="report.html")
@json_option
def command(
    family: str | None, store: Path, version: str | None, output: Path, as_json: bool
) -> None:
    """Write FAMILY's report: one page of HTML that loads nothing from any network.

    It holds the scorecard, the map, the lineage with a card of each model, how each was trained,
    licences, releases and notes. With --json it prints what the page tells, and writes nothing.
    FAMILY may be left out where the store holds one only.

    \b
    Example:
      descent report
      descent report quickstart --version production -o quickstart.html
    """
    from family.lineage.report import gather, html
    from flows.cli.show import json

    records = lineage(store)
    found = gather(records, records.status(family, version))
    if as_json:
        json(found)
    else:
        output.write_text(html(found))
        click.echo(output)
