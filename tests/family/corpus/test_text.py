"""Text of the user's own, from a file to blocks."""

import json
from pathlib import Path

import pytest

from family.corpus import blocks
from family.corpus.text import pieces, text
from family.errors import DescentError
from family.evaluate.protocol import held_out
from family.spec import Corpus, Text
from family.stage import DatasetFacts
from family.teacher.open import load_tokenizer
from tests.family.conftest import TinyFamily

DOCUMENTS = [
    f"The lion of hill {n} eats what the owl left. It sleeps  by day.\nAlone." for n in range(12)
]


def written(folder: Path, **settings: object) -> tuple[list[str], list[str]]:
    """The documents that were kept to train on, and those held out."""
    out = folder / "out"
    out.mkdir()
    text({}, Text(path=str(folder / settings.pop("name")), **settings), out)
    train, held = (
        [json.loads(line)["text"] for line in (out / f"{side}.jsonl").open()]
        for side in ("train", "held_out")
    )
    return train, held


def test_a_blank_line_parts_the_documents_of_a_text_file(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("\n\n".join(DOCUMENTS) + "\n \n")
    train, held = written(tmp_path, name="a.txt", held_out=0.3)
    assert sorted(train + held) == sorted(DOCUMENTS)
    assert held


def test_a_row_of_jsonl_is_a_document(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text(
        "".join(json.dumps({"text": one}) + "\n" for one in DOCUMENTS)
    )
    train, held = written(tmp_path, name="a.jsonl", held_out=0.3)
    assert sorted(train + held) == sorted(DOCUMENTS)


def test_repeated_documents_are_kept_once_and_counted(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("\n\n".join(DOCUMENTS * 2))
    outcome = text({}, Text(path=str(tmp_path / "a.txt"), held_out=0.3), tmp_path)
    assert outcome.facts["repeats"] == len(DOCUMENTS)
    assert isinstance(outcome.dataset, DatasetFacts)
    assert outcome.dataset.train + outcome.dataset.held_out == len(DOCUMENTS)


def test_text_that_leaves_nothing_held_out_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("one\n\ntwo")
    with pytest.raises(
        DescentError, match=r"text.held_out: 0.001 of 2 documents, .* none held out"
    ):
        text({}, Text(path=str(tmp_path / "a.txt"), held_out=0.001), tmp_path)


@pytest.mark.parametrize("longest", [16, 1000])
def test_pieces_are_read_as_the_document_is_and_lose_nothing(
    tiny_family: TinyFamily, longest: int
) -> None:
    tokenizer = load_tokenizer(tiny_family.flagship)

    def ids(part: str) -> list[int]:
        found: list[int] = tokenizer(part, add_special_tokens=False)["input_ids"]
        return found

    for document in DOCUMENTS:
        found = list(pieces(tokenizer, document, longest))
        assert "".join(part for pair in found for part in pair) == document
        assert [token for pair in found for part in pair for token in ids(part)] == ids(document)
        assert max(len(ids(before)) + len(ids(after)) for before, after in found) <= longest


def test_text_and_answers_make_one_corpus(tiny_family: TinyFamily, tmp_path: Path) -> None:
    (tmp_path / "text").mkdir()
    (tmp_path / "out").mkdir()
    (tmp_path / "a.txt").write_text("\n\n".join(DOCUMENTS))
    text({}, Text(path=str(tmp_path / "a.txt"), held_out=0.3), tmp_path / "text")
    inputs = {
        "flagship": tiny_family.flagship,
        "responses": tiny_family.responses,
        "text": tmp_path / "text",
    }
    outcome = blocks.corpus(inputs, Corpus(block=64), tmp_path / "out")
    found = blocks.read(tmp_path / "out", tiny_family.flagship)
    begins = found.positions[:, 1:] == 0
    assert not found.wanted[:, :-1][begins].any(), "a first token has nothing before it"
    assert outcome.facts["samples"] > len(DOCUMENTS)
    whole = {one.bytes for one in held_out(tmp_path / "out", tiny_family.flagship)}
    assert len(whole) > 1
