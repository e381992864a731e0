"""`descent run`."""

from pathlib import Path

import click

from flows.cli.options import model_argument, store_option
from flows.cli.reading import lineage


@click.command("run")
@model_argument
@click.argument("prompt")
@store_option
@click.option(
    "--precision",
    type=click.Choice(["int4", "int8", "fp32"]),
    default="int4",
    show_default=True,
    help="Which shipped file set to run, where MODEL is a tier.",
)
@click.option(
    "--max-tokens",
    type=click.IntRange(1),
    default=128,
    show_default=True,
    help="Longest answer, in tokens.",
)
@click.option(
    "--temperature",
    type=click.FloatRange(0),
    default=0.0,
    show_default=True,
    help="0 takes the likeliest token each time.",
)
def command(
    model: str, prompt: str, store: Path, precision: str, max_tokens: int, temperature: float
) -> None:
    """Answer PROMPT with a shipped file of MODEL, on ONNX Runtime.

    MODEL is a tier, or one of its file sets: `edge/int8`.

    \b
    Example:
      descent run edge "Write an email that asks for help with a late delivery."
      descent run quickstart/mini "Write a thank-you email." --precision int8 --max-tokens 40
    """
    found = lineage(store)
    reference = found.resolve(model)
    if reference.name.count("/") == 1:
        reference = found.resolve(f"{reference.name}/{precision}")

    from export.runtime import stream
    from flows.cli.bar import bar

    with bar("fetching") as hear:
        folder = found.store.fetch(reference.key, hear)
    for piece in stream(folder, prompt, max_tokens, temperature):
        click.echo(piece, nl=False)
    click.echo()
