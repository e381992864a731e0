"""`descent scorecard`."""

from pathlib import Path

import click

from flows.cli.options import family_argument, json_option, store_option
from flows.cli.reading import lineage


@click.command("scorecard")
@family_argument
@store_option
@click.option("--markdown", is_flag=True, help="Print Markdown.")
@json_option
def command(family: str | None, store: Path, markdown: bool, as_json: bool) -> None:
    """Show the size, quality and speed of every model of FAMILY.

    FAMILY may be left out where the store holds one only.

    \b
    Example:
      descent scorecard
      descent scorecard quickstart --markdown
    """
    from family.lineage.scorecard import scorecard
    from flows.cli.show import json, show

    card = scorecard(lineage(store).status(family))
    if as_json:
        json(card)
    elif markdown:
        click.echo(card.markdown(), nl=False)
    else:
        show(card.table())
