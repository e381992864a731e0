"""`descent card`."""

from pathlib import Path

import click

from flows.cli.options import json_option, model_argument, output_option, store_option
from flows.cli.reading import lineage


@click.command("card")
@model_argument
@store_option
@click.option("--owner", metavar="NAME", help="Who publishes the family on the Hub.")
@click.option(
    "--base-model",
    metavar="OWNER/NAME",
    help="The Hub's id of the model that this one is based on, where no record tells it.",
)
@click.option(
    "--validate", "online", is_flag=True, help="Have the Hub check the card: needs the network."
)
@output_option()
@json_option
def command(
    model: str,
    store: Path,
    owner: str | None,
    base_model: str | None,
    online: bool,
    output: Path | None,
    as_json: bool,
) -> None:
    """Write the Hugging Face model card of MODEL from its records alone.

    MODEL is a tier, or one of its file sets: `edge/int4`. The card is the README.md of a
    repository that holds the files of that one model.

    \b
    Example:
      descent card edge/int4 --owner acme -o README.md
      descent card edge --base-model acme/my-flagship --validate
    """
    from family.lineage.card import card
    from family.lineage.hub import validate
    from flows.cli.show import json

    found = card(lineage(store).dossier(model), owner=owner, base=base_model)
    for warning in found.warnings:
        click.echo(f"warning: {warning}", err=True)
    if online:
        validate(found.markdown)
    if output:
        output.write_text(found.markdown, encoding="utf-8")
    if as_json:
        json(found)
    elif not output:
        click.echo(found.markdown, nl=False)
