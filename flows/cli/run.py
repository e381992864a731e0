"""`descent run`."""

import json
from pathlib import Path

import click

from export.targets import is_classifier
from flows.cli.options import json_option, model_argument, store_option
from flows.cli.reading import lineage

#: Labels that a classifier prints, at most.
LABELS = 5


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
@json_option
def command(
    model: str,
    prompt: str,
    store: Path,
    precision: str,
    max_tokens: int,
    temperature: float,
    as_json: bool,
) -> None:
    """Answer PROMPT with a shipped file of MODEL, on ONNX Runtime.

    MODEL is a tier, or one of its file sets: `edge/int8`. One that classifies prints the likeliest
    labels with their odds; with --json, all of them.

    \b
    Example:
      descent run edge "Write an email that asks for help with a late delivery."
      descent run quickstart/mini "Write a thank-you email." --precision int8 --max-tokens 40
    """
    found = lineage(store)
    reference = found.resolve(model)
    if reference.name.count("/") == 1:
        reference = found.resolve(f"{reference.name}/{precision}")

    from flows.cli.bar import bar

    with bar("fetching") as hear:
        folder = found.store.fetch(reference.key, hear)
    if is_classifier(json.loads((folder / "config.json").read_text())):
        _label(folder, prompt, as_json)
    else:
        _answer(folder, prompt, max_tokens, temperature, as_json)


def _label(folder: Path, text: str, as_json: bool) -> None:
    from export.classes.runtime import guesses
    from flows.cli.show import json as show_json

    found = guesses(folder, text)
    if as_json:
        show_json([guess._asdict() for guess in found])
        return
    for guess in found[:LABELS]:
        click.echo(f"{guess.odds:6.1%}  {guess.label}")


def _answer(folder: Path, prompt: str, max_tokens: int, temperature: float, as_json: bool) -> None:
    from export.runtime import stream
    from flows.cli.show import json as show_json

    pieces = stream(folder, prompt, max_tokens, temperature)
    if as_json:
        show_json({"answer": "".join(pieces)})
        return
    for piece in pieces:
        click.echo(piece, nl=False)
    click.echo()
