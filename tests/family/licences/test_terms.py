"""The terms of licences, as data."""

from datetime import date
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from family.errors import DescentError
from family.licences import terms
from family.licences.terms import FOLDER, Begins, Holds, Text, identifiers, licence, nearest


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
        *("openrail-m", "deepseek-v3", "deepseek-r1", "qwen", "tongyi-qianwen"),
        *("openai", "anthropic"),
    }
    assert identifiers()[-1] == "other"
    assert len(identifiers()) == len(list(FOLDER.glob("*.yaml")))


@pytest.mark.parametrize("identifier", identifiers())
def test_every_licence_says_how_its_rules_were_checked(identifier: str) -> None:
    found = licence(identifier)
    assert found.seen
    assert date.fromisoformat(found.read)
    assert found.text is None or found.text.words()


@pytest.mark.parametrize("identifier", identifiers())
def test_what_a_rule_has_said_is_what_it_looks_for(identifier: str, tmp_path: Path) -> None:
    for rule in licence(identifier).rules:
        said = rule.notice("Parent", "Copyright (c) 2026 Someone")
        if said and isinstance(rule.check, Holds):
            (tmp_path / "NOTICE").write_text(said)
            assert rule.check.found(tmp_path), rule.name


@pytest.mark.parametrize("identifier", identifiers())
def test_a_recorded_text_holds_what_its_rule_looks_for(identifier: str, tmp_path: Path) -> None:
    found = licence(identifier)
    if found.text:
        (tmp_path / "LICENSE").write_text(found.text.words())
        rule = next(rule for rule in found.rules if rule.kind == "text")
        assert isinstance(rule.check, Holds)
        assert rule.check.found(tmp_path)


def test_a_text_that_is_not_the_recorded_one_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(terms, "TEXTS", tmp_path)
    (tmp_path / "MIT.txt").write_text("Permission is hereby denied.")
    recorded = licence("MIT").text
    assert recorded
    with pytest.raises(DescentError, match=r"MIT.txt: this licence text has SHA-256 \w+, recorded"):
        recorded.words()


def test_two_copies_of_a_text_may_differ_in_signs_and_blanks_but_not_in_words() -> None:
    text = licence("llama3.1").text
    assert isinstance(text, Text)
    copy = text.words().replace("“", '"').replace("\u2019", "'").replace("\n", "  ").upper()
    assert text.same(f"As of today:\n{copy}\nThat is all.")
    assert not text.same(copy.replace("700 MILLION", "7 MILLION"))


def test_a_copy_without_the_appendix_or_with_a_copyright_line_is_the_same_text() -> None:
    apache, mit = licence("Apache-2.0").text, licence("MIT").text
    assert apache
    assert mit
    assert apache.same(apache.words().partition("APPENDIX")[0])
    assert mit.same(mit.words().replace("{credit}", "Copyright (c) 2026 Someone"))


def test_a_sentence_that_names_somebody_waits_for_a_name() -> None:
    rule = licence("CC-BY-4.0").rules[0]
    assert rule.notice("the prompts", None) is None
    said = rule.notice("the prompts", "Ada and Bob")
    assert said == "Ada and Bob: used under creativecommons.org/licenses/by/4.0, and changed."


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


def test_one_of_several_words_is_enough_where_copies_differ(tmp_path: Path) -> None:
    check = Holds(files=("NOTICE*",), either=("Copyright (c)", "Copyright ©"))
    (tmp_path / "NOTICE").write_text("COPYRIGHT © 2026")
    assert check.found(tmp_path)
    (tmp_path / "NOTICE").write_text("the copyright holders")
    assert not check.found(tmp_path)


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
