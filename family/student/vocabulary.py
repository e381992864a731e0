"""A smaller vocabulary that leaves the tokenisation of the training text unchanged.

Byte-level BPE applies the merge of lowest rank first, whatever stands around it. If every merge
that was applied on a text is kept, then at each step the kept merges that are possible are a
subset of all that are possible, with the one that was applied among them: so it is applied again,
and the tokens are the same. The merges applied inside a token are those that build the token
alone. It is enough, then, to keep each used token with the tokens that its merges pass through.
"""

import json
from collections.abc import Iterable, Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from tokenizers import Tokenizer, pre_tokenizers

from family.errors import DescentError
from family.spec import TrimmedVocabulary
from family.stage import Outcome
from family.student.companions import bring_companions

Merge = tuple[str, str]


def vocabulary(inputs: Mapping[str, Path], settings: TrimmedVocabulary, out: Path) -> Outcome:
    """Write the flagship's tokenizer with fewer tokens, and vocabulary.npy int32 [V]: the
    flagship's id of each token that is kept."""
    source = json.loads((inputs["flagship"] / "tokenizer.json").read_text())
    if source["model"]["type"] != "BPE" or source["model"].get("byte_fallback"):
        raise DescentError(
            "vocabulary: only byte-level BPE tokenizers can be trimmed. Use "
            "`vocabulary: {kind: full}`."
        )
    tokens = np.load(inputs["corpus"] / "tokens.npy")
    if "signal" in inputs:
        usage = np.load(inputs["signal"] / "usage.npy")
    else:  # a classifier writes no text
        usage = np.bincount(tokens.ravel(), minlength=len(_ids(source)))
    used = {int(token) for token in np.unique(tokens)}
    used |= {int(token) for token in np.flatnonzero(usage >= settings.expected)}
    kept = _kept(source, used, usage, settings.multiple)

    (out / "tokenizer.json").write_text(json.dumps(_trimmed(source, kept), ensure_ascii=False))
    np.save(out / "vocabulary.npy", np.array(kept, np.int32))
    bring_companions(inputs["flagship"], out)
    texts = [json.loads(line) for line in (inputs["corpus"] / "train.jsonl").open()]
    _prove(
        inputs["flagship"], out, kept, (row[part] for row in texts for part in PARTS if part in row)
    )
    return Outcome(facts={"tokens_kept": len(kept), "tokens_before": len(_ids(source))})


PARTS = ("context", "answer", "text")


def _ids(source: Mapping[str, Any]) -> dict[str, int]:
    added = {token["content"]: token["id"] for token in source["added_tokens"]}
    return {**source["model"]["vocab"], **added}


def _kept(
    source: Mapping[str, Any], used: Iterable[int], usage: np.ndarray[Any, Any], multiple: int
) -> list[int]:
    """The flagship ids to keep, ascending: what is used, the bytes, the special tokens, and what
    the merges between them need; then the likeliest others that still fit, up to a multiple."""
    ids = _ids(source)
    names = {number: name for name, number in ids.items()}
    derivation = _derivations(source)
    special = {token["id"] for token in source["added_tokens"]}
    alphabet = {ids[letter] for letter in pre_tokenizers.ByteLevel.alphabet() if letter in ids}

    kept: set[int] = set(special) | alphabet

    def needed(number: int) -> set[int]:
        """Itself and what its merges pass through, as far as that is not kept yet."""
        if number in kept:
            return set()
        parts = (ids[part] for part in derivation.get(names[number], ()))
        return {number}.union(*(needed(part) for part in parts))

    for number in used:
        kept |= needed(number)
    size = min(-(-len(kept) // multiple) * multiple, len(ids))
    likeliest = [int(number) for number in np.argsort(-usage, kind="stable") if number in names]
    while len(kept) < size:  # the shortest that is missing needs nothing but itself
        for number in likeliest:
            more = needed(number)
            if len(kept) + len(more) <= size:
                kept |= more
    return sorted(kept)


def _merges(source: Mapping[str, Any]) -> list[Merge]:
    pairs = (m.split(" ") if isinstance(m, str) else m for m in source["model"]["merges"])
    return [(left, right) for left, right in pairs]


def _derivations(source: Mapping[str, Any]) -> dict[str, Merge]:
    """For each token the last merge that builds it: of all that could, the one that is applied."""
    ranks = {merge: rank for rank, merge in enumerate(_merges(source))}
    by_token: dict[str, list[Merge]] = {}
    for merge in ranks:
        by_token.setdefault("".join(merge), []).append(merge)
    found = {}
    for token, merges in by_token.items():
        found[token] = merges[0] if len(merges) == 1 else _last_merge(token, ranks)
    return {token: merge for token, merge in found.items() if merge}


def _last_merge(token: str, ranks: Mapping[Merge, int]) -> Merge | None:
    """What byte-pair encoding merges last when it builds the token from its letters."""
    parts = list(token)
    last = None
    while len(parts) > 1:
        pairs = [(ranks.get(pair, len(ranks)), i) for i, pair in enumerate(pairwise(parts))]
        rank, at = min(pairs)
        if rank == len(ranks):
            return None
        last = (parts[at], parts[at + 1])
        parts[at : at + 2] = ["".join(last)]
    return last


def _trimmed(source: dict[str, Any], kept: list[int]) -> dict[str, Any]:
    """tokenizer.json with the kept tokens alone, numbered anew in their old order."""
    new = {old: number for number, old in enumerate(kept)}
    vocab = {name: new[old] for name, old in source["model"]["vocab"].items() if old in new}
    merges = [
        [left, right]
        for left, right in _merges(source)
        if left in vocab and right in vocab and left + right in vocab
    ]
    added = [{**token, "id": new[token["id"]]} for token in source["added_tokens"]]
    return {
        **source,
        "model": {**source["model"], "vocab": vocab, "merges": merges},
        "added_tokens": added,
        "post_processor": _renumbered(source.get("post_processor"), new),
    }


def _renumbered(processor: Any, new: Mapping[int, int]) -> Any:
    """The post-processor with its special tokens' new ids."""
    if isinstance(processor, dict):
        return {
            name: [new[old] for old in value]
            if name == "ids" and isinstance(value, list)
            else _renumbered(value, new)
            for name, value in processor.items()
        }
    if isinstance(processor, list):
        return [_renumbered(item, new) for item in processor]
    return processor


def _prove(flagship: Path, out: Path, kept: list[int], texts: Iterable[str]) -> None:
    """Every text must be tokenised as before."""
    before = Tokenizer.from_file(str(flagship / "tokenizer.json"))
    after = Tokenizer.from_file(str(out / "tokenizer.json"))
    for text in texts:
        old = before.encode(text, add_special_tokens=False).ids
        new = after.encode(text, add_special_tokens=False).ids
        if [kept[number] for number in new] != old:
            raise DescentError(
                f"vocabulary: the trimmed tokenizer reads {text[:60]!r} otherwise than the "
                f"flagship's. Use `vocabulary: {{kind: full}}`, and report this."
            )
