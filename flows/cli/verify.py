"""`descent verify`."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from flows.cli.options import json_option, store_option

if TYPE_CHECKING:
    from rich.console import RenderableType

    from family.release.verify import Verified


@click.command("verify")
@click.argument("name", metavar="MODEL|FAMILY")
@click.argument("version", required=False)
@click.option(
    "--public-key",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="KEY.pub.pem",
    help="Check the release's signature too; it must be there and by this key.",
)
@store_option
@json_option
def command(
    name: str, version: str | None, public_key: Path | None, store: Path, as_json: bool
) -> None:
    """Recompute every digest of MODEL, or of a release of FAMILY, and of all it was made from.

    Goes from the flagship down, reads every file, and names the first thing that is not what was
    recorded; then it ends with code 1. Nothing is fetched, but from a store at a URL. VERSION is a
    release's, or an alias.

    What the user brought (the flagship's weights, a file of prompts) is known by its digest alone.

    \b
    Example:
      descent verify edge/int4
      descent verify quickstart 1.2.0 --public-key release.pub.pem
    """
    from family.errors import StoreError
    from family.release.verify import verify_model, verify_release
    from family.store import Store
    from flows.cli import show as out
    from flows.cli.bar import bar

    if public_key and not version:
        raise click.UsageError("--public-key is for a release: name FAMILY and VERSION.")
    held = Store.existing(store)
    with bar("verify") as hear:
        if version:
            found = verify_release(held, name, version, public_key, hear)
        else:
            found = verify_model(held, name, hear)
    if as_json:
        out.json(found)
    else:
        out.show(*_told(found))
    if found.difference:
        raise StoreError(str(found.difference))


def _told(found: "Verified") -> "Iterator[RenderableType]":
    """What is as it was recorded, and what was not looked at."""
    from flows.cli.show import size, table

    rows = [(one.name, one.id, str(one.files), size(one.bytes)) for one in found.checked]
    if rows:
        yield table(("as recorded", "id", "files", "size"), rows, right=("files", "size"))
    for one in (one for checked in found.checked for one in checked.brought):
        yield f"{one.name} {one.digest}: brought by the user, and known by this digest alone."
    if found.signature:
        yield f"Signature: {found.signature}."
    if not found.difference:
        total = sum(one.bytes for one in found.checked)
        yield f"{found.name} is what was recorded: {size(total)} in {len(rows)} parts."
