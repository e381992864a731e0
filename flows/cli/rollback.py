"""`descent rollback`."""

from pathlib import Path

import click

from flows.cli.deciding import told
from flows.cli.options import (
    alias_option,
    by_option,
    json_option,
    store_option,
    which_family_argument,
)


@click.command("rollback")
@which_family_argument
@alias_option
@click.option("--to", metavar="VERSION", help="Another version on which it stood.")
@click.option("--reason", required=True, help="Stands in the record and in the notes.")
@by_option
@store_option
@json_option
def command(
    family: str, alias: str, to: str | None, reason: str, by: str, store: Path, as_json: bool
) -> None:
    """Move an alias of FAMILY back to the release where it stood before.

    \b
    Example:
      descent rollback quickstart --reason "Slow on the old phone."
      descent rollback quickstart --alias beta --to 1.0.0 --reason "A recall."
    """
    from family.release.decide import rollback
    from family.store import Store

    found = rollback(Store.existing(store), family, alias, by=by, reason=reason, to=to)
    told(found, as_json)
