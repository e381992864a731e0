"""`descent status`."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from family.lineage.words import spaced
from flows.cli.options import family_argument, json_option, store_option
from flows.cli.reading import lineage

if TYPE_CHECKING:
    from rich.table import Table

    from family.lineage.views import Measured, Status


@click.command("status")
@family_argument
@store_option
@json_option
def command(family: str | None, store: Path, as_json: bool) -> None:
    """Show what FAMILY has now: its models, their figures and their files.

    FAMILY may be left out where the store holds one only.

    \b
    Example:
      descent status
      descent status quickstart --json
    """
    from flows.cli.show import json, show

    status = lineage(store).status(family)
    if as_json:
        json(status)
    else:
        show(_models(status), _files(status))


def _models(status: "Status") -> "Table":
    from flows.cli.show import table

    rows = []
    for member in status.members:
        size = f"{member.parameters / 1e6:.1f} M"
        gate = "" if member.gate is None else "passed" if member.gate.passed else "missed"
        parents = ", ".join(f"{one.kind} {one.name}".replace("_", " ") for one in member.parents)
        rows.append((member.name, member.model, size, _figures(member), gate, parents))
    columns = ("model", "id", "parameters", "figures", "gate", "came from")
    return table(columns, rows, right=("parameters",))


def _files(status: "Status") -> "Table":
    from flows.cli.show import table

    rows = [
        (one.name, f"{one.megabytes:.1f} MB", one.sha256[:16], _figures(one), one.folder)
        for member in status.tiers
        for one in member.files
    ]
    columns = ("file set", "size", "sha256 of weights", "figures", "folder")
    return table(columns, rows, right=("size",))


def _figures(measured: "Measured") -> str:
    return ", ".join(f"{spaced(one.name)} {one.value:.4g}" for one in measured.metrics)
