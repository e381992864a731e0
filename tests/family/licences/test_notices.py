"""LICENSE and NOTICE, as they are written for what ships."""

from pathlib import Path

import pytest

from family.about import about
from family.errors import DescentError
from family.licences.notices import notices
from family.licences.terms import Holds, licence
from family.spec import EndpointResponses, FamilySpec
from family.stage import Outcome
from family.store import OUTCOME, sha256
from tests.toys import family

PRUNED = {"kind": "prune", "shape": {"layers": 2}}


def written(spec: FamilySpec, folder: Path, **beside: str) -> tuple[Path, Outcome]:
    """What is written for a family whose flagship came with the files `beside`."""
    inputs = {name: folder / name for name in ("about", "flagship")}
    out = folder / "out"
    for path in (*inputs.values(), out):
        path.mkdir()
    for name, text in beside.items():
        (inputs["flagship"] / name.replace("_md", ".md")).write_text(text)
    said = about({}, spec.about, inputs["about"])
    (inputs["about"] / OUTCOME).write_text(said.model_dump_json())
    digest = sha256(Path(spec.flagship.licence_file)) if spec.flagship.licence_file else None
    return out, notices(inputs, spec.notices(digest), out)


def of(licence: str, start: object = PRUNED, prompts: object = None, **words: str) -> FamilySpec:
    source = {"kind": "gguf", "path": "/toy.gguf"}
    flagship = {"name": "Parent", "licence": licence, "source": source, **words}
    data = {"kind": "grammar", "topics": ["a", "b"], "requests": ["What is {topic}?"]}
    return family(
        {"nano": {"start": start, "export": ["int4"]}},
        description="Small and kind.",
        flagship=flagship,
        prompts={**data, **(prompts if isinstance(prompts, dict) else {})},
    )


def checked(identifier: str, out: Path) -> dict[str, bool]:
    """Which rules that look into files find what they look for."""
    return {
        rule.name: bool(rule.check.found(out))
        for rule in licence(identifier).rules
        if isinstance(rule.check, Holds)
    }


def test_a_notice_tells_what_the_models_are_and_what_was_done(tmp_path: Path) -> None:
    out, outcome = written(of("Apache-2.0"), tmp_path)
    assert (out / "NOTICE").read_text() == (
        "toys\nSmall and kind.\n\n"
        "Made from Parent. Parent is under: Apache License 2.0; its text lies beside this "
        "notice.\n\n"
        "What was done to it:\n"
        "- nano: pruned from flagship, taught by flagship, exported as int4\n\n"
        "Every file of weights was changed from Parent.\n"
    )
    assert outcome.facts == {"licence_text": "descent"}
    assert (out / "LICENSE").read_text().lstrip().startswith("Apache License")


@pytest.mark.parametrize("identifier", ["Apache-2.0", "llama3.1", "qwen", "deepseek-v3", "llama2"])
def test_what_can_be_written_is_written(identifier: str, tmp_path: Path) -> None:
    out, _ = written(of(identifier), tmp_path)
    assert set(checked(identifier, out).values()) == {True}


def test_the_words_to_display_stand_in_the_notice(tmp_path: Path) -> None:
    out, _ = written(of("llama3.2"), tmp_path)
    assert "\n\nBuilt with Llama\n" in (out / "NOTICE").read_text()


def test_what_came_with_the_flagship_goes_first_and_its_notice_is_kept(tmp_path: Path) -> None:
    beside = {"LICENSE_md": "Own words", "NOTICE": "Thanks to Ada.\n", "USE_POLICY_md": "Be kind"}
    out, outcome = written(of("Apache-2.0"), tmp_path, **beside, model="weights")
    assert sorted(path.name for path in out.iterdir()) == ["LICENSE.md", "NOTICE", "USE_POLICY.md"]
    assert (out / "LICENSE.md").read_text() == "Own words"
    assert (out / "NOTICE").read_text().endswith("NOTICE of Parent:\n\nThanks to Ada.\n")
    assert outcome.facts == {"licence_text": "flagship"}


def test_a_text_that_the_user_brings_goes_before_all(tmp_path: Path) -> None:
    mine = tmp_path / "gemma.txt"
    mine.write_text("Gemma Terms of Use. Model Derivatives.")
    out, outcome = written(of("gemma", licence_file=str(mine)), tmp_path, LICENSE="other")
    assert (out / "LICENSE").read_text() == mine.read_text()
    assert outcome.facts == {"licence_text": "licence_file"}
    assert set(checked("gemma", out).values()) == {True}


def test_a_text_that_changed_since_the_plan_is_refused(tmp_path: Path) -> None:
    mine = tmp_path / "mine.txt"
    mine.write_text("as planned")
    spec = of("gemma", licence_file=str(mine))
    planned = spec.notices(sha256(mine))
    written(spec, tmp_path)
    mine.write_text("as it is now")
    inputs = {name: tmp_path / name for name in ("about", "flagship")}
    with pytest.raises(DescentError, match="has another SHA-256 than when this build was planned"):
        notices(inputs, planned, tmp_path / "out")


def test_a_text_that_nobody_has_is_missing_and_the_notice_promises_none(tmp_path: Path) -> None:
    out, outcome = written(of("gemma"), tmp_path)
    assert outcome.facts == {"licence_text": "missing"}
    assert not (out / "LICENSE").exists()
    assert "lies beside" not in (out / "NOTICE").read_text()
    assert checked("gemma", out) == {"licence text": False, "notice": True, "changes": True}


def test_a_copyright_line_opens_the_mit_licence_once_it_is_stated(tmp_path: Path) -> None:
    for name in ("without", "with"):
        (tmp_path / name).mkdir()
    out, _ = written(of("MIT"), tmp_path / "without")
    assert checked("MIT", out) == {"licence text": True, "copyright": False}
    assert "{credit}" not in (out / "LICENSE").read_text()

    out, _ = written(of("MIT", credit="Copyright (c) 2025 Parent's makers"), tmp_path / "with")
    text = (out / "LICENSE").read_text()
    assert text.startswith("MIT License\n\nCopyright (c) 2025 Parent's makers\n\nPermission is")
    assert set(checked("MIT", out).values()) == {True}


def test_a_family_that_only_learned_owes_no_word_about_weights(tmp_path: Path) -> None:
    out, _ = written(of("Apache-2.0", start={"kind": "random"}), tmp_path)
    text = (out / "NOTICE").read_text()
    assert "- nano: begun at random, taught by flagship, exported as int4" in text
    assert "file of weights" not in text


def test_those_who_made_the_prompts_are_named_as_their_licence_asks(tmp_path: Path) -> None:
    for name in ("without", "with"):
        (tmp_path / name).mkdir()
    held = {"licence": "CC-BY-SA-4.0"}
    out, _ = written(of("Apache-2.0", prompts=held), tmp_path / "without")
    assert "Creative Commons Attribution-ShareAlike 4.0" in (out / "NOTICE").read_text()
    assert checked("CC-BY-SA-4.0", out) == {"attribution": False}

    held["credit"] = "Ada and Bob"
    out, _ = written(of("Apache-2.0", prompts=held), tmp_path / "with")
    assert "Ada and Bob: used under creativecommons.org" in (out / "NOTICE").read_text()
    assert checked("CC-BY-SA-4.0", out) == {"attribution": True}


def test_whose_answers_taught_is_named_as_their_terms_ask(tmp_path: Path) -> None:
    service = {"kind": "endpoint", "url": "https://api.example.com/v1", "model": "large"}
    spec = of("Apache-2.0").model_copy(
        update={
            "responses": EndpointResponses.model_validate(
                {**service, "licence": "CC-BY-4.0", "credit": "Example Ltd"}
            )
        }
    )
    out, _ = written(spec, tmp_path)
    notice = (out / "NOTICE").read_text()
    assert "Taught on responses under: Creative Commons Attribution 4.0 International." in notice
    assert "Example Ltd" in notice


def test_another_licence_is_told_in_the_words_of_the_family_file(tmp_path: Path) -> None:
    out, _ = written(of("other", terms="Be kind."), tmp_path)
    assert "Parent is under: Be kind.\n" in (out / "NOTICE").read_text()
