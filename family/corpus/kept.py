"""Which of a service's answers are worth teaching with, in the flagship's own form."""

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from family.corpus.responses import render
from family.errors import DescentError
from family.spec import Keep
from family.stage import DatasetFacts, Outcome
from family.teacher.endpoint import Reply
from family.teacher.endpoint_answers import read
from family.teacher.open import load_tokenizer

#: Held out first: an answer that stands there is trained on nowhere.
SIDES = ("held_out", "train")


def kept(inputs: Mapping[str, Path], settings: Keep, out: Path) -> Outcome:
    """Write train.jsonl and held_out.jsonl with `prompt`, the rendered `context` before the answer,
    and the `answer` with the flagship's end token (unless it was cut)."""
    tokenizer = load_tokenizer(inputs["flagship"])
    dropped: Counter[str] = Counter(
        dict.fromkeys(("refused", "empty", "short", "cut", "no_answers", "marks", "repeats"), 0)
    )
    heard: set[str] = set()
    rows: dict[str, list[dict[str, str]]] = {}
    for side in SIDES:
        before = frozenset(heard)
        rows[side] = []
        for prompt, reply in map(read, (inputs["responses"] / f"{side}.jsonl").open()):
            words = " ".join(reply.answer.split())
            fault = fault_of(reply, settings, tokenizer.all_special_tokens)
            if not fault and words in (before if settings.repeats else heard):
                fault = "repeats"
            if fault:
                dropped[fault] += 1
                continue
            heard.add(words)
            answer = reply.answer + ("" if reply.cut else tokenizer.eos_token or "")
            context = render(tokenizer, prompt)
            rows[side].append({"prompt": prompt, "context": context, "answer": answer})
    for side, found in rows.items():
        if not found:
            told = ", ".join(f"{count} {name}" for name, count in dropped.items() if count)
            raise DescentError(
                f"responses.keep leaves no answer in {side}: {told or 'none was asked for'}. Ask "
                "for more, or for longer ones, or keep more of them."
            )
        (out / f"{side}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in found))
    tokens = {side: _tokens(tokenizer, found) for side, found in rows.items()}
    return Outcome(
        dataset=DatasetFacts(
            kind="responses",
            train=len(rows["train"]),
            held_out=len(rows["held_out"]),
            tokens=tokens["train"],
        ),
        facts={
            "answer_tokens": sum(tokens.values()),
            **{f"dropped_{name}": count for name, count in dropped.items()},
        },
    )


def fault_of(reply: Reply, settings: Keep, marks: Iterable[str]) -> str | None:
    """Why an answer is left out; None if it is kept. `marks` are the flagship's special tokens,
    which would be read as such."""
    answer = reply.answer.strip()
    begins = _plain(answer)
    if reply.refused:
        return "refused"
    if not answer:
        return "empty"
    if len(answer) < settings.shortest:
        return "short"
    if reply.cut and not settings.cut:
        return "cut"
    if any(begins.startswith(_plain(one)) for one in settings.no_answers):
        return "no_answers"
    return "marks" if any(mark in answer for mark in marks) else None


def _plain(text: str) -> str:
    return text.replace("\N{RIGHT SINGLE QUOTATION MARK}", "'").casefold()


def _tokens(tokenizer: Any, rows: Iterable[Mapping[str, str]]) -> int:
    answers = [row["answer"] for row in rows]
    return sum(map(len, tokenizer(answers, add_special_tokens=False)["input_ids"]))
