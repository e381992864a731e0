"""The terms of a licence: rules, each with its source, its date and the edges that carry it."""

import hashlib
import re
from collections.abc import Iterator
from difflib import get_close_matches
from fnmatch import fnmatch
from functools import cache
from pathlib import Path
from typing import Literal

import yaml
from pydantic import Field, model_validator

from family.errors import DescentError
from family.stage import Settings

FOLDER = Path(__file__).parent
TEXTS = FOLDER / "texts"
OTHER = "other"
#: What a family's own makers wrote: it asks for nothing.
OWN = "own"
#: A licence's text is shorter; a larger file is not one.
LARGEST = 1_000_000
#: What lies beside a model and says under which terms it may be used.
TEXT_FILES = ("LICENSE*", "LICENCE*", "COPYING*", "TERMS*", "GEMMA_TERMS*")
FILES = (*TEXT_FILES, "NOTICE*", "USE_POLICY*")

Through = Literal["weights", "outputs"]


def matching(folder: Path, patterns: tuple[str, ...] = FILES) -> Iterator[Path]:
    """The files of a folder with such names, upper or lower case, that may be such texts."""
    for path in sorted(folder.glob("*")):
        named = any(fnmatch(path.name.upper(), pattern.upper()) for pattern in patterns)
        if named and path.is_file() and path.stat().st_size <= LARGEST:
            yield path


def read(path: Path) -> str:
    """A text, whatever its encoding."""
    return path.read_text(encoding="utf-8", errors="replace")


class Holds(Settings):
    """Met by a folder in which one file of such a name holds these words."""

    files: tuple[str, ...] = Field(description="Patterns of names, upper or lower case.")
    hold: tuple[str, ...] = Field(
        (), description="All of these words; case and line breaks do not count."
    )
    either: tuple[str, ...] = Field((), description="And one of these, if there are any.")

    def found(self, folder: Path) -> str | None:
        """The text of the first such file in `folder`."""
        return next(filter(self._holds, map(read, matching(folder, self.files))), None)

    def _holds(self, text: str) -> bool:
        text = _plain(text)
        one = not self.either or any(_plain(words) in text for words in self.either)
        return one and all(_plain(words) in text for words in self.hold)


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
        description="Whether it follows the model's weights, what the model says, or both. Data "
        "that teach a model are outputs.",
        min_length=1,
    )
    source: str = Field(description="Where the text officially stands.")
    date: str = Field(description="The date that the text bears.")
    section: str
    says: str
    sentence: str = Field(
        "",
        description="What NOTICE has to say; `{name}` is the licensed model, `{credit}` whom the "
        "family file names.",
    )
    check: Holds | Begins | None = Field(None, description="Null where only people can tell.")
    teaching: bool = Field(
        False,
        description="What it forbids is to teach another model, so that a family file is refused "
        "unless it states a permission.",
    )
    except_derivatives: bool = Field(
        False, description="A prohibition that leaves out models with the licensed one's weights."
    )

    def notice(self, name: str, credit: str | None) -> str | None:
        """Its sentence in NOTICE; None if it has none, or nobody said whom to credit."""
        if not self.sentence or ("{credit}" in self.sentence and not credit):
            return None
        return self.sentence.format(name=name, credit=credit)


class Text(Settings):
    """A licence's own words, as they may be shipped."""

    file: str = Field(description="In `texts`; `{credit}` in it is whom the family file names.")
    sha256: str

    def words(self) -> str:
        """The text; DescentError if it is not the recorded one."""
        data = (TEXTS / self.file).read_bytes()
        found = hashlib.sha256(data).hexdigest()
        if found != self.sha256:
            raise DescentError(
                f"{TEXTS / self.file}: this licence text has SHA-256 {found}, recorded is "
                f"{self.sha256}, so it is not what was read. Install descent-family anew."
            )
        return data.decode()

    def same(self, text: str) -> bool:
        """Whether `text` has these words, all of them; signs, blanks and appendices do not
        count."""
        own = self.words().rpartition("{credit}")[2].partition("END OF TERMS AND CONDITIONS")[0]
        return _bare(own) in _bare(text)


class Licence(Settings):
    """A licence and its rules."""

    id: str
    name: str
    source: str
    date: str
    checked: Literal["text", "secondary"] = Field(
        description="Whether the rules were compared with the text itself."
    )
    read: str = Field(description="When; ISO 8601.")
    seen: str = Field(description="What was read, and where.")
    about: str = ""
    text: Text | None = Field(None, description="Null where it is not known here word for word.")
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


def stated(identifier: str | None) -> Licence:
    """The licence that a record states; `other` if it is none that is known."""
    return licence(identifier if identifier in identifiers() else OTHER)


def nearest(word: str) -> str | None:
    """The identifier that looks most like `word`, if any does."""
    spelled = {_letters(one): one for one in identifiers()}
    near = get_close_matches(_letters(word), spelled, n=1)
    return spelled[near[0]] if near else None


def _plain(text: str) -> str:
    return " ".join(text.split()).casefold()


def _letters(text: str) -> str:
    return re.sub(r"[\s_-]+", "", text).casefold()


def _bare(text: str) -> str:
    """Letters and digits alone: quotes, dashes and bold type differ from copy to copy."""
    return re.sub(r"[^a-z0-9]+", "", text.casefold())
