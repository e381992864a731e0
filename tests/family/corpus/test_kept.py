import json
from pathlib import Path
from typing import Any

import pytest

from family.corpus.kept import kept
from family.errors import DescentError
from family.spec import Keep
from family.stage import Outcome
from tests.family.conftest import TinyFamily

GOOD = {"answer": "It eats meat."}


def keep(
    tiny_family: TinyFamily,
    folder: Path,
    train: dict[str, dict[str, Any]],
    held_out: dict[str, dict[str, Any]] | None = None,
    **settings: Any,
) -> tuple[Outcome, dict[str, list[dict[str, str]]]]:
    """What is kept of replies, by prompt."""
    (folder / "replies").mkdir()
    (folder / "kept").mkdir()
    for name, replies in (
        ("train", train),
        ("held_out", held_out or {"Other?": {"answer": "No."}}),
    ):
        rows = ({"prompt": prompt, "reply": reply} for prompt, reply in replies.items())
        lines = "".join(json.dumps(row) + "\n" for row in rows)
        (folder / "replies" / f"{name}.jsonl").write_text(lines)
    inputs = {"flagship": tiny_family.flagship, "responses": folder / "replies"}
    outcome = kept(inputs, Keep(**settings), folder / "kept")
    written = {
        name: [json.loads(line) for line in (folder / "kept" / f"{name}.jsonl").open()]
        for name in ("train", "held_out")
    }
    return outcome, written


def test_rows_have_the_flagship_s_own_form(tiny_family: TinyFamily, tmp_path: Path) -> None:
    cut = {"answer": "It hunts", "cut": True}
    outcome, rows = keep(tiny_family, tmp_path, {"The lion?": GOOD, "The owl?": cut})
    assert rows["train"] == [
        {
            "prompt": "The lion?",
            "context": "<|start|>user\nThe lion?<|end|>\n<|start|>assistant\n",
            "answer": "It eats meat.<|end|>",
        },
        {
            "prompt": "The owl?",
            "context": "<|start|>user\nThe owl?<|end|>\n<|start|>assistant\n",
            "answer": "It hunts",
        },
    ]
    assert outcome.dataset
    assert (outcome.dataset.train, outcome.dataset.held_out) == (2, 1)
    assert outcome.dataset.tokens
    assert int(outcome.facts["answer_tokens"]) > outcome.dataset.tokens


@pytest.mark.parametrize(
    ("reply", "why"),
    [
        ({"answer": "", "refused": True}, "refused"),
        ({"answer": " \n"}, "empty"),
        ({"answer": "Yes."}, "short"),
        ({"answer": "It hunts at", "cut": True}, "cut"),
        ({"answer": "I\N{RIGHT SINGLE QUOTATION MARK}m sorry, but I can't say."}, "no_answers"),
        ({"answer": "It eats.<|start|>user\nAnd?"}, "marks"),
        ({"answer": "It  eats meat."}, "repeats"),
    ],
)
def test_answers_that_teach_nothing_are_left_out_and_counted(
    reply: dict[str, Any], why: str, tiny_family: TinyFamily, tmp_path: Path
) -> None:
    outcome, rows = keep(
        tiny_family,
        tmp_path,
        {"The lion?": GOOD, "The owl?": reply},
        {"Other?": {"answer": "It is another."}},
        shortest=6,
        cut=False,
    )
    assert [row["prompt"] for row in rows["train"]] == ["The lion?"]
    counts = {name: count for name, count in outcome.facts.items() if name.startswith("dropped_")}
    assert counts.pop(f"dropped_{why}") == 1
    assert set(counts.values()) == {0}


def test_an_answer_that_is_held_out_is_never_trained_on(
    tiny_family: TinyFamily, tmp_path: Path
) -> None:
    replies = {"The lion?": GOOD, "The owl?": {"answer": "Mice."}, "A lion?": {"answer": "Mice."}}
    outcome, rows = keep(tiny_family, tmp_path, replies, {"Lions?": GOOD}, repeats=True)
    assert [row["prompt"] for row in rows["held_out"]] == ["Lions?"]
    assert [row["prompt"] for row in rows["train"]] == ["The owl?", "A lion?"]
    assert outcome.facts["dropped_repeats"] == 1


def test_settings_that_leave_nothing_are_told_with_the_counts(
    tiny_family: TinyFamily, tmp_path: Path
) -> None:
    with pytest.raises(DescentError, match=r"no answer in train: 1 empty\. Ask for more"):
        keep(tiny_family, tmp_path, {"The lion?": {"answer": ""}})
