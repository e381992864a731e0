"""`descent sweep`."""

from datetime import timedelta
from pathlib import Path

import click

from flows.cli.options import json_option, no_wait_option, store_option


@click.command("sweep")
@store_option
@click.option("--dry-run", is_flag=True, help="Say what would go, and take nothing away.")
@click.option(
    "--keep-days",
    type=click.FloatRange(min=0),
    default=0,
    metavar="N",
    help="Keep whatever was made within the last N days too.",
)
@no_wait_option
@json_option
def command(store: Path, dry_run: bool, keep_days: float, no_wait: bool, as_json: bool) -> None:
    """Take out of the store what no family, release or alias needs, nor what these are made of.

    That is what earlier builds made, half-done work and its checkpoints, and what was left by
    processes that were killed. A running build is waited for.

    \b
    Example:
      descent sweep --dry-run
      descent sweep --keep-days 14
    """
    from family.store import Store
    from family.sweep import sweep
    from flows.cli import show, tables

    swept = sweep(
        Store.existing(store),
        recent=timedelta(days=keep_days),
        dry=dry_run,
        wait=not no_wait,
        on_wait=lambda message: click.echo(message, err=True),
    )
    if as_json:
        show.json(swept)
    else:
        show.show(*tables.swept(swept, dry=dry_run))
