from pathlib import Path

import pytest

from family.corpus.prompts import prompts, read
from family.corpus.split import is_held_out
from family.errors import DescentError
from family.spec import FilePrompts, GrammarPrompts
from family.stage import DatasetFacts

GRAMMAR = GrammarPrompts(
    kind="grammar",
    topics=tuple(f"animal {i}" for i in range(20)),
    requests=("What is the {topic}?", "Where is the {topic}?"),
    held_out=0.25,
)


def test_every_request_is_made_about_every_topic_once(tmp_path: Path) -> None:
    outcome = prompts({}, GRAMMAR, tmp_path)
    train, held = read(tmp_path, "train"), read(tmp_path, "held_out")
    assert len(set(train) | set(held)) == len(train) + len(held) == 40
    assert outcome.dataset == DatasetFacts(kind="prompts", train=len(train), held_out=len(held))


def test_about_the_asked_share_is_held_out() -> None:
    held = sum(is_held_out(f"prompt {i}", 0.25, seed=3) for i in range(4000))
    assert held == pytest.approx(1000, abs=100)


def test_a_new_prompt_moves_none_of_the_others(tmp_path: Path) -> None:
    (tmp_path / "one").mkdir()
    (tmp_path / "two").mkdir()
    prompts({}, GRAMMAR, tmp_path / "one")
    more = GRAMMAR.model_copy(update={"topics": ("a new one", *GRAMMAR.topics)})
    prompts({}, more, tmp_path / "two")
    assert set(read(tmp_path / "one", "held_out")) <= set(read(tmp_path / "two", "held_out"))


def test_another_seed_holds_out_others() -> None:
    texts = [f"prompt {i}" for i in range(100)]
    assert [is_held_out(t, 0.5, 0) for t in texts] != [is_held_out(t, 0.5, 1) for t in texts]


def test_repeated_prompts_are_kept_once_so_none_stands_on_both_sides(tmp_path: Path) -> None:
    file = tmp_path / "prompts.txt"
    file.write_text("".join(f"prompt {i % 30}\n" for i in range(90)))
    prompts({}, FilePrompts(kind="file", path=str(file), held_out=0.3), tmp_path)
    train, held = read(tmp_path, "train"), read(tmp_path, "held_out")
    assert len(train) + len(held) == 30
    assert not set(train) & set(held)


def test_prompts_are_read_from_jsonl_rows(tmp_path: Path) -> None:
    file = tmp_path / "prompts.jsonl"
    file.write_text("".join(f'{{"prompt": "line\\n{i}"}}\n' for i in range(20)))
    prompts({}, FilePrompts(kind="file", path=str(file), held_out=0.3), tmp_path)
    assert "line\n7" in read(tmp_path, "train") + read(tmp_path, "held_out")


def test_a_row_without_a_prompt_is_named(tmp_path: Path) -> None:
    file = tmp_path / "prompts.jsonl"
    file.write_text('{"prompt": "one"}\n{"question": "two"}\n')
    with pytest.raises(DescentError, match=r"prompts\.jsonl:2: expected a JSON object"):
        prompts({}, FilePrompts(kind="file", path=str(file)), tmp_path)


def test_a_split_with_an_empty_side_is_refused(tmp_path: Path) -> None:
    few = GRAMMAR.model_copy(update={"topics": ("x",), "held_out": 0.001})
    with pytest.raises(DescentError, match="leaves none held out"):
        prompts({}, few, tmp_path)
