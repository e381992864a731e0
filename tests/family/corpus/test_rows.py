"""Labelled rows of the user's own, from a file to blocks."""

import json
from pathlib import Path

import numpy as np
import pytest

from family.corpus import blocks, rows
from family.corpus.rows import Row, split
from family.errors import DescentError
from family.spec import Corpus, Rows
from family.teacher.open import load_tokenizer
from tests.family.conftest import TinyFamily

FOUND = [Row(f"where does the owl live, {n}", ("place", "food")[n % 2]) for n in range(30)]


def written(path: Path, found: list[Row] = FOUND) -> Rows:
    path.write_text("".join(json.dumps(row._asdict()) + "\n" for row in found))
    return Rows(path=str(path), held_out=0.3)


def test_rows_are_read_alike_from_every_kind_of_file(tmp_path: Path) -> None:
    expected = split(written(tmp_path / "a.jsonl"))
    assert set(expected.train) | set(expected.held_out) == set(FOUND)
    lines = [f'"{row.text}",{row.label}\n' for row in FOUND]
    (tmp_path / "a.csv").write_text("text,label\n" + "".join(lines))
    assert split(Rows(path=str(tmp_path / "a.csv"), held_out=0.3)) == expected


def test_rows_are_read_from_parquet_and_from_folders_of_datasets(tmp_path: Path) -> None:
    pyarrow = pytest.importorskip("pyarrow", reason="pyarrow is not installed")
    parquet = pytest.importorskip("pyarrow.parquet", reason="pyarrow is not installed")
    datasets = pytest.importorskip("datasets", reason="datasets is not installed")
    expected = split(written(tmp_path / "a.jsonl"))
    columns = {"text": [row.text for row in FOUND], "label": [row.label for row in FOUND]}
    parquet.write_table(pyarrow.table(columns), tmp_path / "a.parquet")
    named = datasets.ClassLabel(names=["food", "place"])
    saved = datasets.Dataset.from_dict(columns).cast_column("label", named)
    saved.save_to_disk(str(tmp_path / "saved"))
    for name in ("a.parquet", "saved"):
        assert split(Rows(path=str(tmp_path / name), held_out=0.3)) == expected


def test_a_number_that_no_label_has_is_no_label(tmp_path: Path) -> None:
    datasets = pytest.importorskip("datasets", reason="datasets is not installed")
    columns = {"text": ["a", "b", "c", "d"], "label": [0, -1, None, 1]}
    named = datasets.ClassLabel(names=["food", "place"])
    saved = datasets.Dataset.from_dict(columns).cast_column("label", named)
    saved.save_to_disk(str(tmp_path / "saved"))
    written(tmp_path / "held.jsonl", [Row("e", "food")])
    held_out = str(tmp_path / "held.jsonl")
    found = split(Rows(path=str(tmp_path / "saved"), held_out_path=held_out))
    assert [row.label for row in found.train] == ["food", None, None, "place"]


def test_rows_come_as_spreadsheets_and_scripts_write_them(tmp_path: Path) -> None:
    lines = [f'"{row.text}",{row.label}\r\n' for row in FOUND]
    table = "text,label\r\n" + "".join(lines) + ",food\r\n"
    (tmp_path / "a.csv").write_text(table, encoding="utf-8-sig")
    separated = [Row(f"{row.text}\u2028{row.text}", row.label) for row in FOUND]
    rows = [json.dumps(row._asdict(), ensure_ascii=False) for row in separated]
    (tmp_path / "a.jsonl").write_text("\n\n".join(rows) + "\n\n")
    for name, expected in (("a.csv", FOUND), ("a.jsonl", separated)):
        found = split(Rows(path=str(tmp_path / name), held_out=0.3))
        assert {*found.train, *found.held_out} == set(expected)


def test_a_repeat_with_a_label_stands_for_one_without(tmp_path: Path) -> None:
    bare = [Row(row.text, None) for row in FOUND[:5]]
    assert split(written(tmp_path / "a.jsonl", [*bare, *FOUND])) == split(
        written(tmp_path / "b.jsonl", [*FOUND, *bare])
    )


def test_columns_may_have_other_names(tmp_path: Path) -> None:
    lines = [json.dumps({"utterance": row.text, "intent": row.label}) for row in FOUND]
    (tmp_path / "a.jsonl").write_text("\n".join(lines))
    settings = Rows(path=str(tmp_path / "a.jsonl"), text="utterance", label="intent", held_out=0.3)
    assert split(settings) == split(written(tmp_path / "b.jsonl"))


def test_a_row_that_is_held_out_is_removed_from_training_and_counted(tmp_path: Path) -> None:
    written(tmp_path / "held.jsonl", [*FOUND[:4], FOUND[0]])
    settings = written(tmp_path / "a.jsonl", [*FOUND, FOUND[9]])
    asked = settings.model_copy(update={"held_out_path": str(tmp_path / "held.jsonl")})
    found = split(asked)
    assert found.held_out == tuple(FOUND[:4])
    assert found.train == tuple(FOUND[4:])
    assert (found.crossing, found.repeats) == (4, 2)


def test_a_row_without_a_label_is_kept_for_the_teacher_to_label(tmp_path: Path) -> None:
    found = split(written(tmp_path / "a.jsonl", [Row("nobody knows", None), *FOUND]))
    assert Row("nobody knows", None) in (*found.train, *found.held_out)


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"labels": ("food", "colour")}, "has the label `place`, which is none of the 2 to learn"),
        ({"text": "words"}, "row 1 has no `words`. Name the column in rows.text"),
        ({"label": "intent"}, "have 0 labels in column `intent`; two are the least"),
        ({"held_out": 1e-9}, "of 30 rows none is held out"),
    ],
)
def test_rows_that_cannot_be_used_are_refused(
    tmp_path: Path, settings: dict[str, object], expected: str
) -> None:
    with pytest.raises(DescentError, match=expected):
        split(written(tmp_path / "a.jsonl").model_copy(update=settings))


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("a.txt", "a row", "rows are read from .csv, .jsonl and .parquet"),
        ("a.jsonl", "{", "a.jsonl:1: expected a JSON object"),
        ("a.jsonl", "[1]", "row 1 has no `text`"),
        ("a.jsonl", "", "it holds no row"),
        ("a.parquet", "text", "a.parquet: it cannot be read. .*Mend the file"),
    ],
)
def test_files_that_hold_no_rows_are_refused(
    tmp_path: Path, name: str, content: str, expected: str
) -> None:
    (tmp_path / name).write_text(content)
    with pytest.raises(DescentError, match=expected):
        split(Rows(path=str(tmp_path / name)))


def test_a_rows_label_stands_at_its_last_token(tiny_family: TinyFamily, tmp_path: Path) -> None:
    (tmp_path / "rows").mkdir()
    (tmp_path / "out").mkdir()
    found = [*FOUND, Row("the whale, of which nobody knows", None)]
    rows.rows({}, written(tmp_path / "a.jsonl", found), tmp_path / "rows")
    inputs = {"flagship": tiny_family.flagship, "rows": tmp_path / "rows"}
    blocks.corpus(inputs, Corpus(block=64), tmp_path / "out")
    packed = blocks.read(tmp_path / "out", tiny_family.flagship)
    train = [json.loads(line) for line in (tmp_path / "out/train.jsonl").open()]
    assert packed.classes
    assert packed.wanted.sum() == len(train)
    ends = np.append(packed.positions[:, 1:] == 0, np.ones((packed.count, 1), bool), axis=1)
    assert not packed.wanted[~ends].any()
    tokenizer = load_tokenizer(tiny_family.flagship)
    labels = {None: blocks.UNKNOWN, "food": 0, "place": 1}
    expected = sorted((len(tokenizer(r["text"])["input_ids"]), labels[r["label"]]) for r in train)
    block, at = np.nonzero(packed.wanted)
    lengths = (packed.positions[block, at] + 1).tolist()
    assert sorted(zip(lengths, packed.labels[block, at].tolist(), strict=True)) == expected
