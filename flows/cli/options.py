"""Options and arguments that several commands share."""

from pathlib import Path

import click

store_option = click.option(
    "--store",
    type=click.Path(file_okay=False, path_type=Path),
    envvar="DESCENT_STORE",
    show_envvar=True,
    default=".descent",
    show_default=True,
    metavar="DIR",
    help="Where the artifacts are.",
)
json_option = click.option(
    "--json", "as_json", is_flag=True, help="Print JSON, in a documented shape."
)
config_argument = click.argument("config", type=click.Path(path_type=Path))
family_argument = click.argument("family", required=False)
model_argument = click.argument("model")
