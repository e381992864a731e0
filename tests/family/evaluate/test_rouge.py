import json
from pathlib import Path

import pytest

from family.errors import DescentError
from family.evaluate.references import held_out, references
from family.evaluate.rouge import rouge
from family.spec import FilePrompts, Rouge
from family.store import OUTCOME
from tests.family.conftest import TinyFamily

ASKED = {"What does the lion eat?": "The lion eats meat.", "The owl.": "The owl hunts mice."}


def prompts(folder: Path, **rows: str) -> FilePrompts:
    path = folder / "prompts.jsonl"
    lines = [{"prompt": one, "reference": said} for one, said in {**ASKED, **rows}.items()]
    path.write_text("".join(json.dumps(line) + "\n" for line in [*lines, {"prompt": "Bare."}]))
    return FilePrompts(kind="file", path=str(path), held_out=0.99)


def test_a_tier_is_scored_against_references_and_beside_the_flagship(
    tiny_family: TinyFamily, tmp_path: Path
) -> None:
    folders = {name: tmp_path / name for name in ("references", "flagship", "tier")}
    for folder in folders.values():
        folder.mkdir()
    references({}, prompts(tmp_path), folders["references"])
    inputs = {"model": tiny_family.flagship, "references": folders["references"]}
    first = rouge(inputs, Rouge(max_tokens=8, batch=1), folders["flagship"])
    (folders["flagship"] / OUTCOME).write_text(first.model_dump_json())
    inputs |= {"model": tiny_family.distilled, "reference": folders["flagship"]}
    tier = rouge(inputs, Rouge(max_tokens=8, batch=2), folders["tier"])

    best = {metric.name: metric for metric in first.metrics}
    found = {metric.name: metric for metric in tier.metrics}
    assert set(best) == {"rouge:rouge1", "rouge:rouge2", "rouge:rougeL"}
    one = found["rouge:rougeL"]
    assert (one.n, one.unit, one.protocol) == (2, "answers", best["rouge:rougeL"].protocol)
    assert 0 < best["rouge:rougeL"].value <= 1
    expected = one.value / best["rouge:rougeL"].value
    assert found["rouge:rougeL:retention"].value == pytest.approx(expected)
    answers = [json.loads(line) for line in (folders["tier"] / "answers.jsonl").open()]
    assert [row["reference"] for row in answers] == list(ASKED.values())


def test_prompts_without_a_reference_are_not_asked(tmp_path: Path) -> None:
    assert dict(held_out(prompts(tmp_path))) == ASKED


def test_a_file_without_references_is_refused_with_the_way_on(tmp_path: Path) -> None:
    path = tmp_path / "plain.txt"
    path.write_text("What does the lion eat?\n")
    with pytest.raises(DescentError, match="no held-out prompt has a `reference`"):
        list(held_out(FilePrompts(kind="file", path=str(path))))
