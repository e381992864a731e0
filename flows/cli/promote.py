"""`descent promote`."""

from pathlib import Path

import click

from flows.cli.deciding import told
from flows.cli.options import (
    alias_option,
    by_option,
    json_option,
    store_option,
    version_argument,
    which_family_argument,
)


@click.command("promote")
@which_family_argument
@version_argument
@alias_option
@click.option("--reason", default="", help="Stands in the record.")
@by_option
@store_option
@json_option
def command(
    family: str, version: str, alias: str, reason: str, by: str, store: Path, as_json: bool
) -> None:
    """Let an alias stand on VERSION of FAMILY: for all its tiers at once.

    It must be approved, and no duty of a licence may be left unmet and not waived.

    \b
    Example:
      descent promote quickstart 1.0.0
      descent promote quickstart candidate --alias beta
    """
    from family.release.decide import promote
    from family.store import Store

    told(promote(Store.existing(store), family, version, alias, by=by, reason=reason), as_json)
