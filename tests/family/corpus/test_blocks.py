import json
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch

from family.corpus import blocks
from family.errors import DescentError
from family.spec import Corpus
from family.teacher.open import load, load_tokenizer
from tests.family.conftest import TinyFamily


def conversations(family: TinyFamily) -> list[list[int]]:
    tokenizer = load_tokenizer(family.flagship)
    rows = [json.loads(line) for line in (family.corpus / "train.jsonl").open()]
    return [
        tokenizer(row["context"], add_special_tokens=False)["input_ids"]
        + tokenizer(row["answer"], add_special_tokens=False)["input_ids"]
        for row in rows
    ]


def test_what_is_to_be_said_at_a_position_is_the_token_after_it(tiny_family: TinyFamily) -> None:
    found = blocks.read(tiny_family.corpus, tiny_family.flagship)
    said = found.labels[:, :-1]
    after = found.tokens[:, 1:]
    assert np.array_equal(said[found.wanted[:, :-1]], after[found.wanted[:, :-1]])


def unpacked(found: blocks.Blocks) -> list[list[int]]:
    out = []
    for tokens, positions, used in zip(found.tokens, found.positions, found.used, strict=True):
        starts = [*np.flatnonzero(positions[:used] == 0), used]
        out += [tokens[a:b].tolist() for a, b in pairwise(starts)]
    return out


def test_packing_keeps_every_conversation_whole(tiny_family: TinyFamily) -> None:
    found = blocks.read(tiny_family.corpus, tiny_family.flagship)
    assert sorted(unpacked(found)) == sorted(conversations(tiny_family))


def test_only_answers_are_kept(tiny_family: TinyFamily) -> None:
    found = blocks.read(tiny_family.corpus, tiny_family.flagship)
    tokenizer = load_tokenizer(tiny_family.flagship)
    rows = [json.loads(line) for line in (tiny_family.corpus / "train.jsonl").open()]
    answers = sum(
        len(tokenizer(row["answer"], add_special_tokens=False)["input_ids"]) for row in rows
    )
    assert found.wanted.sum() == answers
    assert not found.wanted[:, -1].any()


def test_conversations_in_one_block_do_not_see_each_other(tiny_family: TinyFamily) -> None:
    found = blocks.read(tiny_family.corpus, tiny_family.flagship)
    block = next(i for i in range(found.count) if (found.positions[i] == 0).sum() > 2)
    second = int(np.flatnonzero(found.positions[block] == 0)[1])
    end = int(np.flatnonzero(found.positions[block] == 0)[2])
    model = load(tiny_family.flagship)
    tokens = torch.from_numpy(found.tokens[block : block + 1]).long()
    positions = torch.from_numpy(found.positions[block : block + 1]).long()
    with torch.inference_mode():
        packed = model(input_ids=tokens, position_ids=positions, use_cache=False).logits
        alone = model(input_ids=tokens[:, second:end]).logits
    torch.testing.assert_close(packed[:, second:end], alone, atol=1e-4, rtol=1e-4)


def test_a_conversation_longer_than_a_block_is_left_out_and_counted(
    tiny_family: TinyFamily, tmp_path: Path
) -> None:
    lengths = [len(ids) for ids in conversations(tiny_family)]
    block = sorted(lengths)[len(lengths) // 2]
    outcome = blocks.corpus(
        {"flagship": tiny_family.flagship, "responses": tiny_family.responses},
        Corpus(block=block),
        tmp_path,
    )
    assert outcome.facts["left_out"] == sum(length > block for length in lengths)
    assert outcome.facts["samples"] == sum(length <= block for length in lengths)


def test_a_corpus_without_a_fitting_answer_is_refused(
    tiny_family: TinyFamily, tmp_path: Path
) -> None:
    row = {"prompt": "long", "context": "lion " * 40, "answer": "owl"}
    for name in ("train.jsonl", "held_out.jsonl"):
        (tmp_path / name).write_text(json.dumps(row) + "\n")
    with pytest.raises(DescentError, match=r"fits a block of 32 tokens\. Raise corpus\.block"):
        blocks.corpus(
            {"flagship": tiny_family.flagship, "responses": tmp_path}, Corpus(block=32), tmp_path
        )


def test_a_trimmed_model_numbers_the_same_tokens_in_its_own_way(tiny_family: TinyFamily) -> None:
    theirs = blocks.read(tiny_family.corpus, tiny_family.flagship).tokens
    ours = blocks.read(tiny_family.corpus, tiny_family.start).tokens
    names = blocks.flagship_ids(tiny_family.start)
    assert names is not None
    assert (names[ours] == theirs).all()


def test_a_model_that_lacks_tokens_of_the_corpus_is_refused(
    tiny_family: TinyFamily, tmp_path: Path
) -> None:
    names = blocks.flagship_ids(tiny_family.start)
    assert names is not None
    lacking = np.setdiff1d(np.arange(names.max() + 2, dtype=np.int32), names)[:1]
    np.save(tmp_path / "vocabulary.npy", names)
    with pytest.raises(DescentError, match="lacks 1 tokens of the corpus"):
        blocks.own_ids(lacking, tmp_path)
