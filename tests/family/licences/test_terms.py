"""The terms of licences, as data."""

from pathlib import Path
from urllib.parse import urlsplit

import pytest

from family.licences.terms import FOLDER, Begins, Holds, identifiers, licence, nearest


@pytest.mark.parametrize("identifier", identifiers())
def test_every_rule_says_what_it_asks_where_it_stands_and_when(identifier: str) -> None:
    found = licence(identifier)
    assert found.id == identifier
    assert found.rules
    names = [rule.name for rule in found.rules]
    assert len(names) == len(set(names))
    for rule in found.rules:
        assert rule.says.endswith(".")
        assert rule.section
        assert rule.date
        assert rule.source.startswith("https://") or identifier == "other"
        host = urlsplit(rule.source).hostname or ""
        assert not host.endswith(("huggingface.co", "hf.co", "pypi.org"))
        assert rule.kind != "forbid" or rule.check is None


def test_the_licences_that_people_meet_are_known() -> None:
    assert set(identifiers()) >= {
        *("Apache-2.0", "MIT", "CC-BY-4.0", "CC-BY-SA-4.0", "CC-BY-NC-4.0"),
        *("llama2", "llama3", "llama3.1", "llama3.2", "llama3.3", "gemma", "gemma4"),
        *("openrail-m", "deepseek-v3", "deepseek-r1", "qwen", "openai", "anthropic"),
    }
    assert identifiers()[-1] == "other"
    assert len(identifiers()) == len(list(FOLDER.glob("*.yaml")))


def test_a_rule_may_stand_elsewhere_than_its_licence() -> None:
    rules = {rule.name: rule for rule in licence("anthropic").rules}
    assert rules["competing models"].source.endswith("/commercial-terms")
    assert (rules["distillation"].source[-4:], rules["distillation"].date) == ("/aup", "2025-09-15")


@pytest.mark.parametrize(
    ("word", "meant"),
    [
        ("apache-2.0", "Apache-2.0"),
        ("Apache 2", "Apache-2.0"),
        ("Llama-3.1", "llama3.1"),
        ("cc by 4.0", "CC-BY-4.0"),
        ("mit", "MIT"),
        ("WTFPL", None),
    ],
)
def test_a_licence_that_is_spelt_otherwise_is_recognised(word: str, meant: str | None) -> None:
    assert nearest(word) == meant


def test_an_unknown_licence_is_a_key_error() -> None:
    with pytest.raises(KeyError, match="WTFPL"):
        licence("WTFPL")


def test_words_are_found_in_a_file_of_that_name_alone(tmp_path: Path) -> None:
    check = Holds(files=("LICENSE*", "LICENCE*"), hold=("Apache License", "Version 2.0"))
    assert not check.found(tmp_path)
    (tmp_path / "README.md").write_text("Apache License, Version 2.0")
    (tmp_path / "LICENCE").write_text("Apache License, Version 1.1")
    (tmp_path / "license.d").mkdir()
    assert not check.found(tmp_path)
    (tmp_path / "license.txt").write_text("    APACHE\n    LICENSE\n  Version   2.0, January 2004")
    assert check.found(tmp_path)


def test_a_folder_that_is_gone_holds_nothing(tmp_path: Path) -> None:
    assert not Holds(files=("NOTICE*",), hold=("x",)).found(tmp_path / "gone")


@pytest.mark.parametrize(
    ("name", "met"),
    [
        ("llama-mail/edge/int4", True),
        ("Llama_3/nano", True),
        ("mail-llama/edge", False),
        ("toy/llama", False),
    ],
)
def test_a_name_begins_as_asked(name: str, met: bool) -> None:
    assert Begins(begins="Llama").met(name) is met
