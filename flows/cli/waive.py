"""`descent waive`."""

from pathlib import Path

import click

from flows.cli.deciding import told
from flows.cli.options import (
    by_option,
    json_option,
    store_option,
    version_argument,
    which_family_argument,
)


@click.command("waive")
@which_family_argument
@version_argument
@click.argument("duty")
@click.option("--reason", required=True, help="Stands in the record and in the notes.")
@by_option
@store_option
@json_option
def command(
    family: str, version: str, duty: str, reason: str, by: str, store: Path, as_json: bool
) -> None:
    """Let a DUTY of a licence go for VERSION of FAMILY, in your name and for a reason.

    `descent licences` names the duties, and `descent promote` those that block.

    \b
    Example:
      descent waive quickstart 1.0.0 llama3.1/name --reason "Internal use only."
      descent waive quickstart candidate llama3.1/notice --reason "Stands on the site." --by Ada
    """
    from family.release.decide import waive
    from family.store import Store

    told(waive(Store.existing(store), family, version, duty, by=by, reason=reason), as_json)
