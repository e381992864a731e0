"""Family files whose teacher or prompts may not be used so."""

from typing import Any

import pytest

from family.licences.faults import licence_faults, teaching_faults
from family.spec import FamilySpec
from tests.toys import family

PRUNED = {"kind": "prune", "shape": {"layers": 2}}
RANDOM = {"kind": "random"}


def taught(
    flagship: dict[str, Any] | None = None, prompts: dict[str, Any] | None = None, **starts: Any
) -> FamilySpec:
    """A family with a tier for each of `starts`."""
    source = {"kind": "gguf", "path": "/toy.gguf"}
    data = {"kind": "grammar", "topics": ["a", "b"], "requests": ["What is {topic}?"]}
    tiers = {name: {"start": start} for name, start in (starts or {"nano": PRUNED}).items()}
    words = {"name": "Parent", "licence": "Apache-2.0", "source": source}
    return family(
        tiers, flagship={**words, **(flagship or {})}, prompts={**data, **(prompts or {})}
    )


def told(spec: FamilySpec) -> list[str]:
    return [f"{'.'.join(map(str, one.path))}: {one.text}" for one in teaching_faults(spec)]


@pytest.mark.parametrize("licence", ["openai", "anthropic"])
def test_a_teacher_whose_terms_forbid_teaching_is_refused(licence: str) -> None:
    (fault,) = told(taught({"licence": licence}))
    assert fault.startswith(
        f"flagship.licence: the terms of `{licence}` forbid to teach other models with it ("
    )
    assert "nano would be taught" in fault
    assert fault.endswith("say into flagship.permission by whom, when, and where that is kept.")


def test_a_written_permission_lets_it_teach() -> None:
    permission = "J. Doe of Example Ltd, letter of 2026-01-02, kept by legal."
    assert told(taught({"licence": "openai", "permission": permission})) == []


@pytest.mark.parametrize("licence", ["llama2", "llama3", "tongyi-qianwen"])
def test_what_may_only_teach_its_own_heirs_teaches_those(licence: str) -> None:
    heirs = {"mini": PRUNED, "nano": {**PRUNED, "from": "mini"}}
    assert told(taught({"licence": licence}, **heirs)) == []
    strangers = {**heirs, "edge": RANDOM, "tiny": {**PRUNED, "from": "edge"}}
    (fault,) = told(taught({"licence": licence}, **strangers))
    assert "unless they come from its own weights (" in fault
    assert "and edge, tiny would be taught" in fault


@pytest.mark.parametrize("licence", ["Apache-2.0", "llama3.1", "gemma", "deepseek-r1", "qwen"])
def test_other_teachers_teach_whom_they_like(licence: str) -> None:
    assert told(taught({"licence": licence}, nano=RANDOM)) == []


def test_prompts_that_a_service_wrote_are_refused_in_the_same_way() -> None:
    (fault,) = told(taught(prompts={"licence": "openai"}))
    assert fault.startswith("prompts.licence: the terms of `openai` forbid to teach")
    assert "Take another file" in fault
    assert told(taught(prompts={"licence": "openai", "permission": "Yes, says J. Doe."})) == []


SERVICE = {"kind": "endpoint", "url": "https://api.example.com/v1", "model": "large"}


def test_answers_of_a_service_are_refused_unless_it_was_allowed_in_writing() -> None:
    served = {**SERVICE, "licence": "openai"}
    (fault,) = told(family(responses=served))
    assert fault.startswith("responses.licence: the terms of `openai` forbid to teach")
    assert "mini, nano, edge would be taught" in fault
    assert "Take another teacher; or, if it was allowed in writing" in fault
    assert told(family(responses={**served, "permission": "Yes, says J. Doe."})) == []
    assert told(family(responses={**SERVICE, "licence": "Apache-2.0"})) == []


def test_a_service_that_nobody_asks_is_under_no_terms() -> None:
    text = {"path": "/text.txt"}
    served = {**SERVICE, "licence": "openai"}
    assert told(family(responses=served, prompts=None, text=text)) == []


def test_what_forbids_trade_forbids_no_teaching() -> None:
    assert told(taught(prompts={"licence": "CC-BY-NC-4.0"})) == []


def test_prompts_of_one_s_own_are_under_no_licence_but_a_flagship_never_is() -> None:
    assert list(licence_faults("prompts", {"licence": "own"})) == []
    (fault,) = licence_faults("flagship", {"licence": "own"})
    assert fault.text.startswith("`own` is not a licence whose terms are known here")


def test_prompts_under_a_licence_that_nobody_knows_are_told_like_flagships() -> None:
    (fault,) = licence_faults("prompts", {"licence": "cc by sa 4"})
    assert "did you mean `CC-BY-SA-4.0`?" in fault.text
    assert fault.text.endswith("and what it asks for into prompts.terms.")
    (fault,) = licence_faults("prompts", {"licence": "other"})
    assert fault.path == ("prompts", "terms")
