"""Keys: what changes them and what does not."""

from hashlib import sha256

import pytest
from pydantic import Field, ValidationError

from family.stage import NOT_IN_KEY, Recipe, Settings, digest_json


class Inner(Settings):
    note: str = Field("", json_schema_extra=NOT_IN_KEY)
    width: int = 1


class Outer(Settings):
    parts: tuple[Inner, ...] = ()
    named: dict[str, Inner] = Field(default_factory=dict)
    note: str = Field("", json_schema_extra=NOT_IN_KEY)


def key(settings: Settings, version: int = 1, **inputs: str) -> str:
    return Recipe("toy", version, settings, inputs).key


def test_a_key_is_the_digest_of_the_canonical_recipe() -> None:
    text = '{"inputs":{"parent":"ab"},"settings":{"width":2},"stage":"toy","version":1}'
    assert key(Inner(width=2), parent="ab") == sha256(text.encode()).hexdigest()


def test_canonical_json_sorts_keys_and_keeps_letters_as_they_are() -> None:
    assert digest_json({"b": "ä", "a": [1.5]}) == sha256('{"a":[1.5],"b":"ä"}'.encode()).hexdigest()


def test_the_order_of_inputs_does_not_matter() -> None:
    assert key(Inner(), a="1", b="2") == key(Inner(), b="2", a="1")


@pytest.mark.parametrize(
    "other",
    [
        key(Inner(width=2), a="1"),
        key(Inner(), a="2"),
        key(Inner(), b="1"),
        key(Inner(), 2, a="1"),
        Recipe("other", 1, Inner(), {"a": "1"}).key,
    ],
    ids=["setting", "input's key", "input's name", "version", "stage"],
)
def test_a_key_changes_with(other: str) -> None:
    assert other != key(Inner(), a="1")


def test_words_for_people_are_in_no_key_however_deep() -> None:
    plain = Outer(parts=(Inner(),), named={"x": Inner()})
    noted = Outer(parts=(Inner(note="a"),), named={"x": Inner(note="b")}, note="c")
    assert key(plain) == key(noted)
    assert key(plain) != key(Outer(parts=(Inner(width=2),), named={"x": Inner()}))


def test_a_setting_that_is_left_out_has_the_key_of_its_default() -> None:
    assert key(Inner()) == key(Inner(width=1))


def test_unknown_settings_are_refused() -> None:
    with pytest.raises(ValidationError, match="Extra inputs are not permitted"):
        Inner.model_validate({"widht": 1})


def test_settings_cannot_be_changed() -> None:
    with pytest.raises(ValidationError, match="Instance is frozen"):
        Inner().width = 2  # type: ignore[misc]
