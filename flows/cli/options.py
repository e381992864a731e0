"""Options and arguments that several commands share."""

import getpass
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]

#: Where hand-written notes are looked for.
FRAGMENTS = Path("notes.d")


def _fragments(_: click.Context, __: click.Parameter, folder: Path | None) -> Path | None:
    return folder or (FRAGMENTS if FRAGMENTS.is_dir() else None)


def _writable(_: click.Context, __: click.Parameter, path: Path | None) -> Path | None:
    if path and not path.parent.is_dir():
        raise click.BadParameter(f"{path.parent} is no folder. Make it first, or name another.")
    return path


def output_option(words: str = "Write to this file.", default: str | None = None) -> Decorator:
    """`-o FILE`, refused at once if its folder is not there."""
    return click.option(
        "-o",
        "--output",
        type=click.Path(dir_okay=False, path_type=Path),
        callback=_writable,
        default=default,
        show_default=default is not None,
        help=words,
    )


store_option = click.option(
    "--store",
    type=click.Path(file_okay=False, path_type=Path),
    envvar="DESCENT_STORE",
    show_envvar=True,
    default=".descent",
    show_default=True,
    metavar="DIR|URL",
    help="Where the artifacts are; machines share a URL, as s3://bucket/family.",
)
json_option = click.option(
    "--json", "as_json", is_flag=True, help="Print JSON, in a documented shape."
)
config_argument = click.argument("config", type=click.Path(path_type=Path))
family_argument = click.argument("family", required=False)
which_family_argument = click.argument("family")
model_argument = click.argument("model")
version_argument = click.argument("version")
by_option = click.option(
    "--by",
    envvar="DESCENT_BY",
    show_envvar=True,
    default=getpass.getuser,
    show_default="who is logged in",
    help="In whose name.",
)
alias_option = click.option(
    "--alias", default="production", show_default=True, help="Which alias moves."
)
release_option = click.option(
    "--version", help="A release or an alias of one; without it, the family as it is now."
)
fragments_option = click.option(
    "--fragments",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    callback=_fragments,
    help="Where what people wrote for the notes is, as Markdown with front matter.  [default: "
    "notes.d, if it is there]",
)
no_wait_option = click.option(
    "--no-wait", is_flag=True, help="Refuse while another process holds what is asked for."
)
verbose_option = click.option("--verbose", is_flag=True, help="Show Prefect's own log too.")
