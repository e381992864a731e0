"""`descent bom`."""

from pathlib import Path

import click

from flows.cli.options import json_option, model_argument, output_option, store_option
from flows.cli.reading import lineage


@click.command("bom")
@model_argument
@store_option
@output_option()
@json_option
def command(model: str, store: Path, output: Path | None, as_json: bool) -> None:
    """Write the bill of materials of MODEL: a CycloneDX 1.6 ML-BOM, from its records alone.

    It holds the model and the digests of its files, the models that it came from and how, the data
    that taught it, licences and figures. It is written only if it validates against the official
    schema. It is JSON in any case.

    \b
    Example:
      descent bom edge/int4 -o edge-int4.cdx.json
      descent bom quickstart/mini --json
    """
    from family.lineage.bom import bom, text

    found = text(bom(lineage(store).dossier(model)))
    if output:
        output.write_text(found, encoding="utf-8")
    if as_json or not output:
        click.echo(found, nl=False)
