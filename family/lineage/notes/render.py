"""Notes as text: Markdown by a Jinja template, and a page of HTML from that Markdown.

A template sees `notes`, a `Notes`, and puts its parts under headings: `{% call section("Files") %}`
prints a heading, what stands in it, and what people wrote for it; it prints nothing where there is
neither. `{{ by_hand() }}` prints what people wrote under headings of their own. A template of a
team may begin with `{% extends "descent/notes.md.j2" %}` and replace single blocks.
"""

import re
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

from family.errors import DescentError
from family.lineage import words as common
from family.lineage.notes import reasons, words
from family.lineage.notes.compare import NOTABLE
from family.lineage.notes.data import Fragment, Notes

TEMPLATE, PAGE = "notes.md.j2", "page.html.j2"
HERE = Path(__file__).parent

#: What a template may say figures and changes with: each by its name.
FILTERS: tuple[Callable[..., Any], ...] = (
    reasons.by_tiers, reasons.cause, reasons.moved, reasons.rewired, reasons.surrounding,
    reasons.value, words.apart, words.brief, words.cell, words.change, words.counted, words.edge,
    words.figure, words.finding, words.joined, words.making, words.number, words.percent,
    words.plural, words.titled,
    common.megabytes, common.millions, common.rate, common.scalar, common.spaced, common.verdict,
)  # fmt: skip

#: The headings of the shipped template.
SECTIONS = (
    "Summary",
    "Regressions",
    "Improvements",
    "Models",
    "Files and speed",
    "What changed and why",
    "How each model was made",
    "Teachers, data and compute",
    "Gates",
    "Licences",
    "Decisions",
    "Files and how to verify them",
)


def title(notes: Notes) -> str:
    """`Release notes: quickstart 1.1.0`."""
    version = f" {notes.release.version}" if notes.release else ""
    return f"Release notes: {notes.family}{version}"


def shipped() -> str:
    """The template that notes are written with if no other is named."""
    return (HERE / TEMPLATE).read_text(encoding="utf-8")


def markdown(notes: Notes, template: Path | None = None) -> str:
    """The notes in Markdown, by the shipped template or by another.

    A template runs in Jinja's sandbox: it may come from elsewhere, and has to read data alone.
    DescentError says where a template fails, and at what."""
    from jinja2 import ChoiceLoader, FileSystemLoader, PrefixLoader, StrictUndefined
    from jinja2.sandbox import SandboxedEnvironment

    own = FileSystemLoader(template.parent if template else HERE)
    environment = SandboxedEnvironment(
        loader=ChoiceLoader([own, PrefixLoader({"descent": FileSystemLoader(HERE)})]),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters.update({one.__name__: one for one in FILTERS})
    page = _Page(notes.fragments)
    environment.globals.update(
        title=title(notes), notable=NOTABLE, section=page.section, by_hand=page.by_hand
    )
    name = template.name if template else TEMPLATE
    try:
        text = environment.get_template(name).render(notes=notes)
    except Exception as error:  # whatever a template may raise is its author's to mend
        raise DescentError(_fault(error, template or HERE / name)) from error
    page.check(template or HERE / name)
    return f"{text.strip()}\n"


def html(text: str, heading: str) -> str:
    """Notes in Markdown as a page that loads nothing. HTML in them is shown as text."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    from family.lineage.page.markdown import rendered

    environment = Environment(
        loader=FileSystemLoader(HERE), autoescape=True, undefined=StrictUndefined
    )
    return environment.get_template(PAGE).render(title=heading, body=rendered(text))


class _Page:
    """What a template puts its parts and the fragments under headings with."""

    def __init__(self, fragments: tuple[Fragment, ...]) -> None:
        self.waiting = list(fragments)

    def section(self, title: str, caller: Callable[[], str]) -> str:
        """A heading, what the template says under it, and what people wrote for it."""
        said = re.sub(r"\n{3,}", "\n\n", caller().strip())
        own = [one for one in self.waiting if one.section == title]
        self.waiting = [one for one in self.waiting if one.section != title]
        body = "\n\n".join(filter(None, (said, *map(_written, own))))
        return f"## {title}\n\n{body}\n\n" if body else ""

    def by_hand(self) -> str:
        """What people wrote under headings that the shipped template does not have."""
        titles = dict.fromkeys(one.section for one in self.waiting)
        return "".join(self.section(title, str) for title in titles if title not in SECTIONS)

    def check(self, template: Path) -> None:
        """DescentError if the template left out what somebody wrote."""
        if self.waiting:
            one = self.waiting[0]
            raise DescentError(
                f"{template} has no place for {one.file}, whose section is {one.section}. Put "
                f'{{% call section("{one.section}") %}}{{% endcall %}} into it.'
            )


def _written(one: Fragment) -> str:
    tiers = words.joined(one.tiers) if one.tiers else ""
    if one.title:
        return f"### {one.title}{f' ({tiers})' if tiers else ''}\n\n{one.text}"
    return f"**{tiers}:** {one.text}" if tiers else one.text


def _fault(error: Exception, template: Path) -> str:
    """Where a template failed, at what, and how to go on."""
    from jinja2 import TemplateNotFound, TemplateSyntaxError, UndefinedError

    frames = traceback.extract_tb(error.__traceback__)
    places = [(one.filename, one.lineno) for one in frames if not one.filename.endswith(".py")]
    where, line = places[-1] if places else (str(template), None)
    match error:
        case TemplateSyntaxError():
            where, line, what = error.filename or where, error.lineno, error.message
        case TemplateNotFound():
            what = f"there is no template {error.name} beside it, nor in descent/"
        case UndefinedError():
            what = error.message
        case _:
            what = f"{type(error).__name__}: {error}"
    at, what = f"{where}, line {line}" if line else where, str(what).rstrip(".")
    return (
        f"{at}: the template failed: {what}. `descent notes --print-template` prints one that "
        f"works, and `descent notes --json` what a template may use."
    )
