"""`descent release`."""

from pathlib import Path

import click

from flows.cli.options import (
    by_option,
    fragments_option,
    json_option,
    store_option,
    which_family_argument,
)


@click.command("release")
@which_family_argument
@click.option("--version", required=True, help="A semantic version that no release has: 1.2.0.")
@click.option("--note", default="", help="What the notes say first.")
@fragments_option
@by_option
@store_option
@json_option
def command(
    family: str,
    version: str,
    note: str,
    fragments: Path | None,
    by: str,
    store: Path,
    as_json: bool,
) -> None:
    """Take what FAMILY has now as a release: all its tiers, or none.

    Every tier must have passed its gate, and every file must still be what was sealed. What is
    published stands in the store under releases/FAMILY/VERSION, and the alias `candidate` on it.

    \b
    Example:
      descent release quickstart --version 1.0.0
      descent release quickstart --version 1.1.0 --note "Answers are shorter." --by "Ada Lovelace"
    """
    from family.ledger import release_folder
    from family.lineage.queries import Lineage
    from family.release.decide import blocking
    from family.release.freeze import release
    from family.store import Store
    from flows.cli import show
    from flows.cli.bar import bar

    opened = Store.existing(store)
    with bar("looking at every file") as on_progress:
        made = release(
            opened,
            family,
            version,
            by=by,
            note=note,
            fragments=fragments,
            on_progress=on_progress,
        )
    view = Lineage(opened).release(family, version)
    if as_json:
        show.json(view)
        return
    owed = {one.subject for one in blocking(opened, view)}
    show.show(
        f"{family} {version} is released ({made.change}), and is the candidate.",
        f"Files: {release_folder(opened, family, version)}",
        *([f"Licences ask for what it does not give: {', '.join(sorted(owed))}"] if owed else []),
        f"Next: descent approve {family} {version}, then descent promote {family} {version}",
    )
