"""The command line's door: which commands there are, and how one ends."""

import importlib
import signal
from typing import Any

import click

from family.errors import DescentError

COMMANDS = (
    "build",
    "plan",
    "status",
    "scorecard",
    "map",
    "timeline",
    "report",
    "notes",
    "run",
    "lineage",
    "licences",
    "card",
    "bom",
    "release",
    "releases",
    "approve",
    "reject",
    "waive",
    "promote",
    "rollback",
    "rebuild",
    "deploy",
    "serve",
    "sign",
    "verify",
    "sweep",
    "doctor",
)
INTERRUPTED = 130


class LazyGroup(click.Group):
    """Commands that are imported when they are asked for, each from a module of its name."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        command = importlib.import_module(f"flows.cli.{cmd_name}").command
        assert isinstance(command, click.Command)
        return command

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except DescentError as error:
            click.echo(f"error: {error}", err=True)
            ctx.exit(error.exit_code)
        except KeyboardInterrupt:
            ctx.exit(INTERRUPTED)


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="descent-family")
def cli() -> None:
    """Turn one flagship model into a product family.

    A family file says which tiers there are. `build` distils, exports and verifies them; what
    was built before is reused. The other commands read what was built.

    \b
    Example:
      descent plan configs/quickstart.yaml
      descent build configs/quickstart.yaml
      descent run edge "Write an email that asks for help with a late delivery."
    """


def main() -> None:
    """The `descent` command. SIGTERM ends it as Ctrl-C does."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    cli(prog_name="descent")
