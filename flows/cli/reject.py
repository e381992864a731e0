"""`descent reject`."""

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


@click.command("reject")
@which_family_argument
@version_argument
@click.option("--reason", required=True, help="Stands in the record and in the notes.")
@by_option
@store_option
@json_option
def command(family: str, version: str, reason: str, by: str, store: Path, as_json: bool) -> None:
    """Keep VERSION of FAMILY from being promoted. It keeps its files and its records.

    An alias that stands on it stays there until it is rolled back.

    \b
    Example:
      descent reject quickstart 1.1.0 --reason "edge repeats itself"
      descent reject quickstart candidate --reason "Slow on the old phone." --by "Grace Hopper"
    """
    from family.release.decide import reject
    from family.store import Store

    opened = Store.existing(store)
    decision = reject(opened, family, version, by=by, reason=reason)
    told(decision, as_json)
    passed_on(opened, decision)
