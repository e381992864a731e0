"""`descent notes`."""

from pathlib import Path

import click

from flows.cli.options import fragments_option, json_option, output_option, store_option
from flows.cli.reading import lineage


@click.command("notes")
@click.argument("family", required=False)
@click.argument("between", metavar="[RANGE]", required=False)
@store_option
@fragments_option
@click.option(
    "--template",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A Jinja template of your own.",
)
@click.option("--print-template", is_flag=True, help="Print the template that is used otherwise.")
@click.option("--html", "as_html", is_flag=True, help="Write a page of HTML that loads nothing.")
@output_option()
@json_option
def command(
    family: str | None,
    between: str | None,
    store: Path,
    fragments: Path | None,
    template: Path | None,
    print_template: bool,
    as_html: bool,
    output: Path | None,
    as_json: bool,
) -> None:
    """Write the release notes of FAMILY over RANGE, from its records.

    RANGE is two versions or aliases, `1.0.0..1.1.0` or `production..candidate`; one of them, which
    is compared with the release before it; or nothing: the family as it is now, compared with its
    last release. `1.0.0..` ends now. FAMILY may be left out where the store holds one only.

    In Markdown, unless --html or --json is given. A file in notes.d begins with `---`,
    `section: Known issues` and `---`, and may also say `title`, `tiers`, `version` (only in notes
    that lead over it) or `since`, and `order`. A template may extend "descent/notes.md.j2".

    \b
    Example:
      descent notes
      descent notes quickstart 1.0.0..1.1.0 -o NOTES.md
      descent notes production..candidate --html -o notes.html
      descent notes --print-template > notes.md.j2
    """
    from pydantic_core import to_json

    from family.lineage.notes import render
    from family.lineage.notes.fragments import read
    from family.lineage.notes.gather import gather
    from family.lineage.notes.span import span

    if as_html and as_json:
        raise click.UsageError("--html and --json exclude each other.")
    if print_template:
        text = render.shipped()
    else:
        opened = lineage(store)
        after, before = span(opened, family, between)
        written = read(fragments, after, before) if fragments else ()
        notes = gather(opened, after, before, fragments=written)
        if as_json:
            text = f"{to_json(notes, indent=2).decode()}\n"
        else:
            text = render.markdown(notes, template)
            if as_html:
                text = render.html(text, render.title(notes))
    if output:
        output.write_text(text, encoding="utf-8")
    else:
        click.echo(text, nl=False)
