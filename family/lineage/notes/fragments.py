"""What people wrote for the notes: Markdown files with YAML front matter.

---
section: Known issues     # one of the notes' own headings, or a new one
title: Long emails        # may be left out, as all that follows
tiers: [mini, nano]       # whom it is about
version: 1.1.0            # only in notes that lead to or over this version,
since: 1.1.0              # or else in all from this version on
order: 10                 # lower ones come first; 100 if not given
---
Emails of more than 200 words may end early.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any

import yaml
from pydantic import BeforeValidator, Field, ValidationError, model_validator
from semver import Version

from family.errors import DescentError
from family.faults import choice, shown
from family.lineage.notes.data import Fragment
from family.lineage.views import Status
from family.load import Loader
from family.stage import Settings

FENCE = "---"


def _semantic(value: object) -> object:
    if not isinstance(value, str) or not Version.is_valid(value):
        raise ValueError(f"{shown(value)} is no semantic version; write three numbers: 1.2.0")
    return value


SemanticVersion = Annotated[str, BeforeValidator(_semantic)]


class Front(Settings):
    """The front matter of a fragment."""

    section: str = Field(min_length=1)
    title: str | None = None
    tiers: tuple[str, ...] = ()
    version: SemanticVersion | None = None
    since: SemanticVersion | None = None
    order: int = 100

    @model_validator(mode="after")
    def _one_of_both(self) -> "Front":
        if self.version and self.since:
            raise ValueError("`version` and `since` exclude each other; keep one")
        return self


@dataclass(frozen=True)
class Written:
    """One file that was read."""

    path: Path
    front: Front
    lines: dict[str, int]
    """On which line each key of the front matter stands."""
    text: str

    def concerns(self, after: Status, before: Status | None) -> bool:
        """Whether it belongs into notes from `before` to `after`."""
        if self.front.since:
            return after.version is None or _at_most(self.front.since, after.version)
        if self.front.version:
            reached = after.version is None or _at_most(self.front.version, after.version)
            told = before and before.version and _at_most(self.front.version, before.version)
            return reached and not told
        return True


def read(folder: Path, after: Status, before: Status | None) -> tuple[Fragment, ...]:
    """What a folder holds for the notes from `before` to `after`, in order.

    DescentError tells of every fragment that cannot be used, each with its line and the fix."""
    found: list[Written] = []
    faults: list[str] = []
    for path in sorted(folder.glob("*.md")):
        try:
            written = _fragment(path)
            if written.concerns(after, before):
                _check_tiers(written, after, before)
                found.append(written)
        except _FragmentError as error:
            faults.append(f"{path}, line {error.line}: {error}")
    if faults:
        raise DescentError("\n".join(faults))
    return tuple(
        Fragment(
            file=one.path.name,
            section=one.front.section,
            title=one.front.title,
            tiers=one.front.tiers,
            text=one.text,
        )
        for one in sorted(found, key=lambda one: (one.front.order, one.path.name))
    )


class _FragmentError(Exception):
    def __init__(self, line: int, text: str) -> None:
        self.line = line
        super().__init__(text)


def _fragment(path: Path) -> Written:
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except UnicodeDecodeError as error:
        raise _FragmentError(
            1, f"it is not UTF-8 text: {error.reason}. Save it as UTF-8."
        ) from None
    if not lines or lines[0].rstrip() != FENCE:
        raise _FragmentError(
            1, f"there is no front matter. Begin with `{FENCE}`, `section: ...` and `{FENCE}`."
        )
    ends = [number for number, line in enumerate(lines) if number and line.rstrip() == FENCE]
    if not ends:
        raise _FragmentError(
            1, f"the front matter does not end. Write `{FENCE}` on a line after it."
        )
    data, places = _mapping("\n".join(lines[1 : ends[0]]))
    text = "\n".join(lines[ends[0] + 1 :]).strip()
    try:
        front = Front.model_validate(data)
    except ValidationError as error:
        raise _refused(error, places) from None
    if not text:
        raise _FragmentError(
            ends[0] + 2, "nothing follows the front matter. Write what is to be said."
        )
    return Written(path, front, places, text)


def _mapping(text: str) -> tuple[dict[str, Any], dict[str, int]]:
    """The front matter, and on which line of the file each of its keys stands."""
    try:
        loader = Loader(text)
        node = loader.get_single_node()
        if not isinstance(node, yaml.MappingNode):
            raise _FragmentError(2, "the front matter is no mapping. Write `section: ...` into it.")
        lines: dict[str, int] = {}
        for key, _ in node.value:
            line = key.start_mark.line + 2
            if key.value in lines:
                raise _FragmentError(
                    line, f"`{key.value}` stands on line {lines[key.value]} already. Keep one."
                )
            lines[key.value] = line
        return loader.construct_document(node), lines
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        what = ", ".join(filter(None, (error.context, error.problem)))
        raise _FragmentError(
            mark.line + 2 if mark else 1,
            f"the front matter is no YAML: {what}. Put text with `:` or `#` in quotes.",
        ) from None


def _refused(error: ValidationError, lines: dict[str, int]) -> _FragmentError:
    """The first fault that the front matter has."""
    detail = error.errors(include_url=False)[0]
    key = str(detail["loc"][0]) if detail["loc"] else "since"
    match detail["type"]:
        case "missing":
            return _FragmentError(1, f"`{key}` is missing. Write under which heading it stands.")
        case "extra_forbidden":
            text = f"`{key}` is unknown; {choice(key, Front.model_fields)}"
        case "value_error":
            text = f"{detail['ctx']['error']}."
        case _:
            wanted = {
                "tiers": "a list of tiers, as [mini, nano] is",
                "order": "a whole number",
            }.get(key, "text; put it in quotes")
            text = f"`{key}` is {shown(detail['input'])}, expected is {wanted}."
    return _FragmentError(lines.get(key, 1), text)


def _check_tiers(written: Written, after: Status, before: Status | None) -> None:
    known = list(dict.fromkeys(_tiers((after, before))))
    for name in written.front.tiers:
        if name not in known:
            near = get_close_matches(name, known, n=1)
            hint = f"Did you mean {near[0]}?" if near else f"There are {', '.join(known)}."
            raise _FragmentError(
                written.lines["tiers"], f"{after.family} has no tier {name}. {hint}"
            )


def _tiers(moments: Iterable[Status | None]) -> Iterator[str]:
    return (tier.tier for status in moments if status for tier in status.tiers)


def _at_most(version: str, other: str) -> bool:
    return Version.parse(version) <= Version.parse(other)
