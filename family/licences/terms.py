"""The terms of a licence: rules, each with its source, its date and the edges that carry it."""

import re
from collections.abc import Iterator
from difflib import get_close_matches
from fnmatch import fnmatch
from functools import cache
from pathlib import Path
from typing import Literal

import yaml
from pydantic import Field, model_validator

from family.stage import Settings

FOLDER = Path(__file__).parent
OTHER = "other"
#: A licence's text is shorter; a larger file is not one.
LARGEST = 1_000_000

Through = Literal["weights", "outputs"]


class Holds(Settings):
    """Met by a folder in which one file of such a name holds all of these words."""

    files: tuple[str, ...] = Field(description="Patterns of names, upper or lower case.")
    hold: tuple[str, ...] = Field(description="Words; case and line breaks do not count.")

    def met(self, folder: Path) -> bool:
        """Whether `folder` has such a file."""
        return any(
            all(_plain(words) in text for words in self.hold)
            for text in map(_plain, self._texts(folder))
        )

    def _texts(self, folder: Path) -> Iterator[str]:
        for path in sorted(folder.glob("*")):
            named = any(fnmatch(path.name.upper(), pattern.upper()) for pattern in self.files)
            if named and path.is_file() and path.stat().st_size <= LARGEST:
                yield path.read_text(encoding="utf-8", errors="replace")


class Begins(Settings):
    """Met by a name that begins so."""

    begins: str

    def met(self, name: str) -> bool:
        """Whether a family's name begins so; case, blanks, `-` and `_` do not count."""
        return _letters(name).startswith(_letters(self.begins))


class Rule(Settings):
    """One thing that a licence asks for, or forbids."""

    name: str
    kind: Literal["text", "notice", "name", "duty", "forbid"] = Field(
        description="The licence's text or a notice in the folder, a name, a duty that only people "
        "can see to, or something that may not be done at all."
    )
    through: tuple[Through, ...] = Field(
        description="Whether it follows the model's weights, what the model says, or both.",
        min_length=1,
    )
    source: str = Field(description="Where the text officially stands.")
    date: str = Field(description="The date that the text bears.")
    section: str
    says: str
    check: Holds | Begins | None = Field(None, description="Null where only people can tell.")
    except_derivatives: bool = Field(
        False, description="A prohibition that leaves out models with the licensed one's weights."
    )


class Licence(Settings):
    """A licence and its rules."""

    id: str
    name: str
    source: str
    date: str
    about: str = ""
    rules: tuple[Rule, ...]

    @model_validator(mode="before")
    @classmethod
    def _source_and_date_for_every_rule(cls, value: dict[str, object]) -> dict[str, object]:
        own = {name: value[name] for name in ("source", "date")}
        rules = value["rules"]
        assert isinstance(rules, list)
        return {**value, "rules": [{**own, **rule} for rule in rules]}


@cache
def identifiers() -> tuple[str, ...]:
    """Every licence that is known, `other` last."""
    found = sorted((path.stem for path in FOLDER.glob("*.yaml")), key=str.casefold)
    return (*(one for one in found if one != OTHER), OTHER)


@cache
def licence(identifier: str) -> Licence:
    """A licence by its identifier; KeyError if it is not known."""
    if identifier not in identifiers():
        raise KeyError(identifier)
    data = yaml.safe_load((FOLDER / f"{identifier}.yaml").read_text(encoding="utf-8"))
    return Licence.model_validate({"id": identifier, **data})


def nearest(word: str) -> str | None:
    """The identifier that looks most like `word`, if any does."""
    spelled = {_letters(one): one for one in identifiers()}
    near = get_close_matches(_letters(word), spelled, n=1)
    return spelled[near[0]] if near else None


def _plain(text: str) -> str:
    return " ".join(text.split()).casefold()


def _letters(text: str) -> str:
    return re.sub(r"[\s_-]+", "", text).casefold()
