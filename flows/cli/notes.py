"""`descent notes`."""

from pathlib import Path

import click

from flows.cli.options import family_argument, json_option, store_option
from flows.cli.reading import lineage


@click.command("notes")
@family_argument
@store_option
@click.option(
    "-o", "--output", type=click.Path(dir_okay=False, path_type=Path), help="Write to this file."
)
@json_option
def command(family: str | None, store: Path, output: Path | None, as_json: bool) -> None:
    """Write the release notes of FAMILY, in Markdown, from its records alone.

    FAMILY may be left out where the store holds one only.

    \b
    Example:
      descent notes
      descent notes quickstart -o NOTES.md
    """
    from family.lineage.notes import notes
    from flows.cli.show import json

    status = lineage(store).status(family)
    text = notes(status)
    if output:
        output.write_text(text)
    if as_json:
        json({"family": status.family, "markdown": text})
    elif not output:
        click.echo(text, nl=False)
