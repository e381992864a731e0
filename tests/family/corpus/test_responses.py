import json
from pathlib import Path

import pytest

from family.corpus import responses as module
from family.corpus.responses import responses
from family.spec import Responses
from tests.family.conftest import TinyFamily

SETTINGS = Responses(max_tokens=24, batch=4)


def rows(folder: Path, name: str) -> list[dict[str, str]]:
    return [json.loads(line) for line in (folder / f"{name}.jsonl").open()]


def test_every_prompt_has_an_answer_on_its_own_side(tiny_family: TinyFamily) -> None:
    for name in ("train", "held_out"):
        asked = [json.loads(line) for line in (tiny_family.prompts / f"{name}.txt").open()]
        assert [row["prompt"] for row in rows(tiny_family.responses, name)] == asked


def test_the_context_is_the_chat_template_up_to_the_answer(tiny_family: TinyFamily) -> None:
    row = rows(tiny_family.responses, "train")[0]
    assert row["context"] == f"<|start|>user\n{row['prompt']}<|end|>\n<|start|>assistant\n"


def test_an_answer_ends_with_the_end_token_unless_it_was_cut(tiny_family: TinyFamily) -> None:
    answers = [row["answer"] for row in rows(tiny_family.responses, "train")]
    assert any(answer.endswith("<|end|>") for answer in answers)
    assert all(answer.count("<|end|>") <= 1 for answer in answers)


def test_a_killed_run_asks_only_for_the_batches_that_are_not_whole(
    tiny_family: TinyFamily, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    inputs = {"flagship": tiny_family.flagship, "prompts": tiny_family.prompts}
    batches = []
    generate = module.generate

    def counted(*arguments: object) -> list[tuple[str, int]]:
        batches.append(arguments)
        if len(batches) == 3:
            raise KeyboardInterrupt("the third batch")
        return generate(*arguments)

    monkeypatch.setattr(module, "generate", counted)
    with pytest.raises(KeyboardInterrupt, match="the third batch"):
        responses(inputs, SETTINGS, tmp_path)
    (tmp_path / "pieces" / "half.part").write_text('{"split": "train", "prom')  # cut by the kill

    batches.clear()
    monkeypatch.setattr(module, "generate", lambda *rest: batches.append(rest) or generate(*rest))
    responses(inputs, SETTINGS, tmp_path)
    assert len(batches) == 5 - 2  # 18 prompts are 5 batches of 4; two were whole
    for name in ("train", "held_out"):
        assert rows(tmp_path, name) == rows(tiny_family.responses, name)
    assert not (tmp_path / "pieces").exists()


def test_sampling_is_repeatable_by_its_seed(tiny_family: TinyFamily, tmp_path: Path) -> None:
    inputs = {"flagship": tiny_family.flagship, "prompts": tiny_family.prompts}
    found = []
    for name, seed in (("one", 1), ("again", 1), ("other", 2)):
        (tmp_path / name).mkdir()
        settings = SETTINGS.model_copy(update={"temperature": 1.0, "seed": seed})
        responses(inputs, settings, tmp_path / name)
        found.append(rows(tmp_path / name, "train"))
    assert found[0] == found[1] != found[2]
