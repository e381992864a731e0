"""Text of the user's own, document by document, and which documents are held out."""

import json
import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from family.corpus.split import column, fault_of, split
from family.errors import DescentError
from family.spec import Text
from family.stage import DatasetFacts, Outcome


def text(inputs: Mapping[str, Path], settings: Text, out: Path) -> Outcome:
    """Write train.jsonl and held_out.jsonl, a document's `text` a line, without repeats."""
    found = list(documents(settings))
    train, held = split(found, settings)
    if fault := fault_of(train, held, settings, "documents"):
        raise DescentError(f"text.held_out: {fault}")
    for name, rows in (("train", train), ("held_out", held)):
        lines = (json.dumps({"text": row}) + "\n" for row in rows)
        (out / f"{name}.jsonl").write_text("".join(lines))
    return Outcome(
        dataset=DatasetFacts(kind="text", train=len(train), held_out=len(held)),
        facts={"repeats": len(found) - len(train) - len(held)},
    )


def documents(settings: Text) -> Iterable[str]:
    """Every document, repeats included."""
    path = Path(settings.path)
    if path.suffix == ".jsonl":
        return filter(str.strip, column(path, "text"))
    return filter(str.strip, re.split(r"\n\s*\n", path.read_text(encoding="utf-8")))


def pieces(tokenizer: Any, document: str, longest: int) -> Iterator[tuple[str, str]]:
    """The document in pieces of at most `longest` tokens, each in two: its first word, which
    nothing stands before to be told from, and the rest.

    A piece ends before a blank, where byte-level tokenizers part words whatever stands around
    them: it is read alone as it is read in the document. One without a blank ends where it must.
    """
    encoded = tokenizer(document, add_special_tokens=False, return_offsets_mapping=True)
    spans = encoded["offset_mapping"]
    ends = [0, *(end for _, end in spans)]  # where a token begins, its blank included
    words = [i for i in range(len(spans)) if document[ends[i] : ends[i] + 1].isspace()]
    first = 0
    while first < len(spans):
        last = min(first + longest, len(spans))
        if last < len(spans):
            last = _last_before(words, last + 1, after=first) or last
        at = bisect_right(words, first)
        word = words[at] if at < len(words) and words[at] < last else first + 1
        if word < last:
            yield document[ends[first] : ends[word]], document[ends[word] : ends[last]]
        first = last


def _last_before(ordered: Sequence[int], limit: int, after: int) -> int | None:
    """The largest number below `limit` and above `after`, if there is one."""
    at = bisect_left(ordered, limit)
    return ordered[at - 1] if at and ordered[at - 1] > after else None
