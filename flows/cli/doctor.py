"""`descent doctor`."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from flows.cli.options import json_option, store_option

if TYPE_CHECKING:
    from rich.table import Table

    from family.doctor.findings import Checkup


@click.command("doctor")
@click.argument("config", required=False, type=click.Path(path_type=Path))
@store_option
@json_option
@click.pass_context
def command(ctx: click.Context, config: Path | None, store: Path, as_json: bool) -> None:
    """Check the machine, the packages, the store, its index and Prefect, and say what to mend.

    With CONFIG also whether its family has what it needs: inputs, memory, disk, deployments,
    workers. Nothing is changed. Ends with code 1 if something has to be mended.

    \b
    Example:
      descent doctor
      descent doctor configs/quickstart.yaml --json
    """
    from flows.cli.show import json, show

    found = _found(store, config)
    if as_json:
        json(found)
    else:
        show(_findings(found), _summary(found))
    if found.failed:
        ctx.exit(1)


def _found(store: Path, config: Path | None) -> "Checkup":
    try:
        from flows.checkup import look_at

        return look_at(store, config)
    except ModuleNotFoundError:
        from family.doctor.findings import checkup
        from family.doctor.packages import packages

        # Of an environment in which the doctor itself lacks something, this much can be told.
        told = checkup(*packages())
        if not told.failed:
            raise
        return told


STYLES = {"ok": "green", "warn": "yellow", "fail": "bold red"}


def _findings(found: "Checkup") -> "Table":
    from rich.text import Text

    from flows.cli.show import table

    shown = table(("", "area", "check", "what was found"), ())
    for one in found.findings:
        what = Text(one.found)
        if one.fix and one.status != "ok":
            what.append(f"\n→ {one.fix}", "bold")
        shown.add_row(Text(one.status, STYLES[one.status]), one.area, one.check, what)
    return shown


def _summary(found: "Checkup") -> str:
    if not found.failed + found.warned:
        return f"All is well: {len(found.findings)} checks."
    return f"{found.failed} to mend, {found.warned} to look at, of {len(found.findings)} checks."
