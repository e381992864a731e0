"""`descent approve`."""

from pathlib import Path

import click

from flows.cli.deciding import passed_on, told
from flows.cli.options import (
    by_option,
    json_option,
    store_option,
    version_argument,
    which_family_argument,
)


@click.command("approve")
@which_family_argument
@version_argument
@click.option("--reason", default="", help="Stands in the record and in the notes.")
@by_option
@store_option
@json_option
def command(family: str, version: str, reason: str, by: str, store: Path, as_json: bool) -> None:
    """Say in your name that VERSION of FAMILY, or the release of an alias, may be promoted.

    \b
    Example:
      descent approve quickstart 1.0.0
      descent approve quickstart candidate --by "Grace Hopper" --reason "Read fifty answers."
    """
    from family.release.decide import approve
    from family.store import Store

    opened = Store.existing(store)
    decision = approve(opened, family, version, by=by, reason=reason)
    told(decision, as_json)
    passed_on(opened, decision)
