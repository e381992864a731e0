"""What pydantic finds wrong with a family file, in plain sentences with paths as in the file."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from difflib import get_close_matches
from types import NoneType, UnionType
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from family.spec import FamilySpec

Path = tuple[str | int, ...]

#: What the patterns in `family.spec` ask for.
PATTERNS = {
    r"^[0-9a-f]{64}$": "a SHA-256 digest: 64 hex digits in lower case",
    r"^[0-9a-f]{40}$": "the id of a commit: 40 hex digits; a branch name moves, so it is refused",
    r"^[a-z][a-z0-9_-]{0,39}$": "a name of at most 40 lower-case letters, digits, `-` and `_` "
    "that starts with a letter",
}

WANTED = {
    "string": "text",
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "tuple": "a list",
    "list": "a list",
    "dict": "a mapping",
    "model": "a mapping",
    "model_attributes": "a mapping",
}

BOUNDS = {
    "greater_than": "above {gt}",
    "greater_than_equal": "at least {ge}",
    "less_than": "below {lt}",
    "less_than_equal": "at most {le}",
}


@dataclass(frozen=True)
class Fault:
    """One fault: where in the file, and what to do about it."""

    path: Path
    text: str


def written(path: Path) -> str:
    """`tiers.edge.gate.bounds[2].file`."""
    parts = (f"[{part}]" if isinstance(part, int) else f".{part}" for part in path)
    return "".join(parts).removeprefix(".")


def shown(value: object) -> str:
    """A value as a sentence can hold it."""
    if isinstance(value, Mapping):
        return "a mapping"
    if isinstance(value, (list, tuple)):
        return "a list"
    if value is None:
        return "nothing"
    text = str(value).lower() if isinstance(value, bool) else str(value)
    if isinstance(value, str):
        text = f"`{text}`" if len(text) <= 60 else f"`{text[:57]}...`"
    return text


def choice(word: object, options: Iterable[object]) -> str:
    """The nearest of `options`, or all of them, as the end of a message."""
    names = [str(option) for option in options]
    if near := get_close_matches(str(word), names, n=1):
        return f"did you mean `{near[0]}`?"
    return "known: " + ", ".join(f"`{name}`" for name in names)


def spec_faults(error: ValidationError) -> list[Fault]:
    """Every fault that FamilySpec finds in a family file."""
    details = error.errors(include_url=False)
    # A list whose items are all faulty counts as empty too; the items' faults say enough.
    return [_fault(one) for one in details if not (one["type"] == "too_short" and one["input"])]


def _fault(detail: ErrorDetails) -> Fault:
    kind, found, context = detail["type"], shown(detail["input"]), detail.get("ctx", {})
    path, parent, annotation = _follow(detail["loc"])
    wanted, _, way = kind.rpartition("_")
    match kind:
        case "missing":
            text = f"missing. {_asked(parent, path[-1])}"
        case "extra_forbidden":
            text = f"unknown key; {choice(path[-1], _keys(parent))}"
        case "invalid_key":
            text = "a key must be text. Put it in quotes."
        case "union_tag_not_found" | "union_tag_invalid":
            path, tags = (*path, "kind"), _variants(annotation)
            found = f"`{context['tag']}` is unknown" if "tag" in context else "missing"
            text = f"{found}; {choice(context.get('tag', ''), tags)}"
        case "literal_error":
            options = context["expected"].replace("'", "`")
            near = get_close_matches(str(detail["input"]), re.findall("`([^`]+)`", options), n=1)
            text = f"{found} is not one of {options}."
            text += f" Did you mean `{near[0]}`?" if near else ""
        case "string_pattern_mismatch":
            pattern = context["pattern"]
            text = f"{found} is not {PATTERNS.get(pattern, f'text like {pattern}')}."
        case "string_too_short" | "too_short":
            text = f"empty. {_asked(parent, path[-1])}"
        case "value_error":
            text = f"{context['error']}."
        case "int_from_float":
            text = f"{found} is not a whole number."
        case _ if kind in BOUNDS:
            bound = BOUNDS[kind].format(**{name: f"{n:g}" for name, n in context.items()})
            text = f"{found} is out of bounds; it must be {bound}."
        case _ if way in ("type", "parsing") and wanted in WANTED:
            text = f"{found} stands where {WANTED[wanted]} is expected."
            if wanted == "string" and isinstance(detail["input"], (bool, int, float, date)):
                text += " Put it in quotes."
        case _:
            text = f"{found}: {detail['msg']}."
    return Fault(path, text)


def _asked(model: type[BaseModel] | None, name: str | int) -> str:
    """`Add name: how the flagship is called in cards and notes.`"""
    fields = model.model_fields if model else {}
    about = fields[name].description if name in fields else None
    if not about:
        return f"Add `{name}`."
    return f"Add `{name}`: {about if about[1].isupper() else about[0].lower() + about[1:]}"


def _keys(model: type[BaseModel] | None) -> list[str]:
    """The keys of a model, as the file spells them."""
    fields = model.model_fields if model else {}
    return [field.alias or name for name, field in fields.items()]


# ---- from pydantic's location to a path in the file ----------------------------------------


def _follow(location: Path) -> tuple[Path, type[BaseModel] | None, Any]:
    """The path in the file, the model that its last part is a key of, and that key's type.

    Pydantic also names the variant that it took of a union, which no file holds.
    """
    path: list[str | int] = []
    parent: type[BaseModel] | None = None
    annotation: Any = FamilySpec
    for part in location:
        annotation = _bare(annotation)
        if part == "[key]":
            break
        if (variants := _variants(annotation)) and part in variants:
            annotation = variants[str(part)]
            continue
        path.append(part if get_origin(annotation) is tuple else str(part))
        if isinstance(annotation, type) and issubclass(annotation, BaseModel):
            parent = annotation
            annotation = next(
                (
                    field.annotation
                    for name, field in annotation.model_fields.items()
                    if part == (field.alias or name)
                ),
                None,
            )
        else:
            parent = None
            arguments = get_args(annotation)
            annotation = arguments[get_origin(annotation) is dict] if arguments else None
    return tuple(path), parent, _bare(annotation)


def _bare(annotation: Any) -> Any:
    """The type without `Annotated` and `| None`."""
    if get_origin(annotation) is Annotated:
        return _bare(get_args(annotation)[0])
    if get_origin(annotation) in (Union, UnionType):
        some = [argument for argument in get_args(annotation) if argument is not NoneType]
        return _bare(some[0]) if len(some) == 1 else annotation
    return annotation


def _variants(annotation: Any) -> dict[str, type[BaseModel]]:
    """The models of a discriminated union by their `kind`; empty for any other type."""
    members = get_args(annotation) if get_origin(annotation) in (Union, UnionType) else ()
    return {
        get_args(member.model_fields["kind"].annotation)[0]: member
        for member in members
        if isinstance(member, type) and issubclass(member, BaseModel)
    }
