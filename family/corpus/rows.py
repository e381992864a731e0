"""Labelled rows of the user's own, and which of them are held out."""

import csv
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from family.corpus.split import is_held_out
from family.errors import DescentError
from family.spec import Rows
from family.stage import DatasetFacts, Outcome

LABELS = "labels.json"


class Row(NamedTuple):
    """One sample; the label is None where nobody gave one."""

    text: str
    label: str | None


class Split(NamedTuple):
    """Rows without repeats, on both sides."""

    train: tuple[Row, ...]
    held_out: tuple[Row, ...]
    labels: tuple[str, ...]
    repeats: int
    """Rows whose text stood in an earlier one."""
    crossing: int
    """Rows to train on whose text is held out."""


def rows(inputs: Mapping[str, Path], settings: Rows, out: Path) -> Outcome:
    """Write train.jsonl and held_out.jsonl with `text` and `label`, and labels.json, the names in
    the order of a classifier's logits."""
    found = split(settings)
    for name, side in (("train", found.train), ("held_out", found.held_out)):
        (out / f"{name}.jsonl").write_text("".join(json.dumps(r._asdict()) + "\n" for r in side))
    (out / LABELS).write_text(json.dumps(found.labels))
    return Outcome(
        dataset=DatasetFacts(kind="rows", train=len(found.train), held_out=len(found.held_out)),
        facts={
            "labels": len(found.labels),
            "unlabelled": sum(row.label is None for row in found.train),
            "repeats": found.repeats,
            "removed_as_held_out": found.crossing,
        },
    )


def split(settings: Rows) -> Split:
    """The rows on both sides. A text that is held out is never trained on.

    Raises DescentError for rows that cannot be read, a label outside of the set, and a side that
    would be empty."""
    path = Path(settings.path)
    brought = list(_read(path, settings))
    if settings.held_out_path:
        kept = list(_read(Path(settings.held_out_path), settings))
        texts = {row.text for row in kept}
        train = [row for row in brought if row.text not in texts]
    else:
        out = [is_held_out(row.text, settings.held_out, settings.seed) for row in brought]
        train = [row for row, held in zip(brought, out, strict=True) if not held]
        kept = [row for row, held in zip(brought, out, strict=True) if held]
    crossing = len(brought) - len(train) if settings.held_out_path else 0
    first, last = _without_repeats(train), _without_repeats(kept)
    if not first or not last:
        side = "held out" if first else "to train on"
        raise DescentError(
            f"{path}: of {len(brought)} rows none is {side}. Bring more rows, or change held_out "
            "or seed."
        )
    labels = settings.labels or tuple(sorted({row.label for row in first if row.label}))
    if len(labels) < 2:
        raise DescentError(
            f"{path}: the rows to train on have {len(labels)} labels in column "
            f"`{settings.label}`; two are the least. Name the column in rows.label, or the labels "
            "in rows.labels."
        )
    _check(path, first, labels)
    _check(Path(settings.held_out_path or path), last, labels)
    repeats = len(train) - len(first) + len(kept) - len(last)
    return Split(first, last, labels, repeats, crossing)


def _without_repeats(found: Iterable[Row]) -> tuple[Row, ...]:
    """The first row of each text; rather one with a label."""
    kept: dict[str, Row] = {}
    for row in found:
        if row.text not in kept or kept[row.text].label is None:
            kept[row.text] = row
    return tuple(kept.values())


def _check(path: Path, found: Sequence[Row], labels: Sequence[str]) -> None:
    for row in found:
        if row.label is not None and row.label not in labels:
            raise DescentError(
                f"{path}: the row {row.text[:60]!r} has the label `{row.label}`, which is none of "
                f"the {len(labels)} to learn. Correct it, or add it to rows.labels."
            )


# ---- files ---------------------------------------------------------------------------------


def _read(path: Path, settings: Rows) -> Iterator[Row]:
    try:
        found = list(_records(path))
    except (OSError, ValueError, csv.Error) as error:
        raise DescentError(f"{path}: it cannot be read. {error}. Mend the file.") from None
    if not found:
        raise DescentError(f"{path}: it holds no row.")
    for number, row in enumerate(found, 1):
        try:
            text, label = row[settings.text], row.get(settings.label)
        except (KeyError, TypeError, AttributeError):
            raise DescentError(
                f"{path}: row {number} has no `{settings.text}`. Name the column in rows.text."
            ) from None
        if text is not None and str(text).strip():
            yield Row(str(text), None if label is None or label == "" else str(label))


def _records(path: Path) -> Iterator[Any]:
    if path.is_dir():
        yield from _saved_by_datasets(path)
    elif path.suffix == ".csv":
        # Spreadsheets begin their UTF-8 with a mark of its own.
        with path.open(encoding="utf-8-sig", newline="") as file:
            yield from csv.DictReader(file)
    elif path.suffix == ".parquet":
        yield from _parquet(path)
    elif path.suffix == ".jsonl":
        yield from _jsonl(path)
    else:
        raise DescentError(
            f"{path}: rows are read from .csv, .jsonl and .parquet files and from folders of "
            "`datasets`. Convert it to one of them."
        )


def _jsonl(path: Path) -> Iterator[Any]:
    with path.open(encoding="utf-8") as file:
        for number, line in enumerate(file, 1):
            try:
                if line.strip():
                    yield json.loads(line)
            except json.JSONDecodeError:
                raise DescentError(f"{path}:{number}: expected a JSON object") from None


def _parquet(path: Path) -> Iterator[dict[str, Any]]:
    try:
        from pyarrow import parquet
    except ImportError:
        raise DescentError(
            f"{path}: Parquet is read with pyarrow. Run: pip install 'descent-family[rows]'"
        ) from None
    for batch in parquet.ParquetFile(path).iter_batches():
        yield from batch.to_pylist()


def _saved_by_datasets(path: Path) -> Iterator[dict[str, Any]]:
    """Rows of a folder by `Dataset.save_to_disk`; a number stands for its ClassLabel's name, and
    -1 for none."""
    try:
        from datasets import ClassLabel, Dataset, load_from_disk
    except ImportError:
        raise DescentError(
            f"{path}: folders are read with datasets. Run: pip install 'descent-family[rows]'"
        ) from None
    found = load_from_disk(str(path))
    if not isinstance(found, Dataset):
        raise DescentError(
            f"{path}: it holds the splits {', '.join(found)}. Name the folder of one of them."
        )
    named = {name: kind for name, kind in found.features.items() if isinstance(kind, ClassLabel)}
    for row in found:
        yield {
            name: value if name not in named else _name_of(value, named[name])
            for name, value in row.items()
        }


def _name_of(value: int | None, labels: Any) -> str | None:
    return None if value in (None, -1) else labels.int2str(value)
