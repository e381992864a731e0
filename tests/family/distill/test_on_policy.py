import json
from pathlib import Path

import pytest
import torch

from family.corpus import blocks
from family.corpus.blocks import NOTHING, UNKNOWN
from family.distill.on_policy import BEGINNING, Writer, prompts
from family.distill.train import distill
from family.errors import DescentError
from family.spec import JSD, CrossEntropy, OnPolicy
from family.teacher.open import load, load_tokenizer
from tests.family.conftest import DISTILL, TinyFamily

ASKED = OnPolicy(tokens=12)


@pytest.fixture(scope="module")
def corpus(tiny_family: TinyFamily) -> blocks.Blocks:
    return blocks.read(tiny_family.corpus, tiny_family.start)


@pytest.fixture(scope="module")
def end(tiny_family: TinyFamily) -> int:
    return int(load_tokenizer(tiny_family.start).eos_token_id)


def test_prompts_are_what_stands_before_an_answer(
    tiny_family: TinyFamily, corpus: blocks.Blocks
) -> None:
    words = load_tokenizer(tiny_family.start)
    rows = [json.loads(line) for line in (tiny_family.corpus / "train.jsonl").open()]
    contexts = {row["context"] for row in rows}
    assert {words.decode(prompt) for prompt in prompts(corpus)} == contexts


def test_of_a_text_without_a_prompt_the_beginning_is_one(corpus: blocks.Blocks) -> None:
    text = blocks.Blocks(corpus.tokens, corpus.tokens, corpus.positions, corpus.used)
    lengths = [len(prompt) for prompt in prompts(text)]
    assert max(lengths) <= BEGINNING
    assert min(lengths) >= 1


def test_what_it_writes_is_what_transformers_would(
    tiny_family: TinyFamily, corpus: blocks.Blocks, end: int
) -> None:
    student = load(tiny_family.distilled)
    writer = Writer(OnPolicy(tokens=12, temperature=1e-4), corpus, end)  # as good as greedy
    batch = writer.write(student, 2, [0])
    names = ("input_ids", "position_ids", "labels")
    assert [batch[name].shape for name in names] == [(2, 128)] * 3
    checked = 0
    rows = (batch[name] for name in ("input_ids", "labels", "position_ids"))
    for tokens, labels, positions in zip(*rows, strict=True):
        assert set(labels.tolist()) == {NOTHING, UNKNOWN}
        for start in torch.nonzero(positions == 0).flatten().tolist():
            wrote = torch.nonzero(labels[start : start + writer.place] == UNKNOWN).flatten() + start
            if len(wrote) == 0:
                continue  # what is left of the block
            prompt = tokens[start : wrote[0] + 1]
            answer = tokens[wrote + 1]
            expected = student.generate(
                prompt[None], max_new_tokens=12, do_sample=False, eos_token_id=end, pad_token_id=0
            )[0, len(prompt) :]
            assert torch.equal(answer, expected)
            checked += 1
    assert checked == 2 * (128 // writer.place)


def test_the_seed_decides_what_is_written(
    tiny_family: TinyFamily, corpus: blocks.Blocks, end: int
) -> None:
    student, writer = load(tiny_family.start), Writer(ASKED, corpus, end)
    one, same, other = (writer.write(student, 1, [0, step])["input_ids"] for step in (3, 3, 4))
    assert torch.equal(one, same)
    assert not torch.equal(one, other)


def test_a_prompt_that_leaves_no_room_is_passed_over(corpus: blocks.Blocks) -> None:
    longest = max(len(prompt) for prompt in prompts(corpus))
    writer = Writer(OnPolicy(tokens=128 - longest + 1), corpus, None)
    assert 0 < len(writer.prompts) < len(list(prompts(corpus)))
    assert writer.place <= 128


def test_continuations_that_fit_after_no_prompt_are_refused(corpus: blocks.Blocks) -> None:
    with pytest.raises(DescentError, match=r"120 do not fit a block of 128 tokens.*Use at most"):
        Writer(OnPolicy(tokens=120), corpus, None)


def test_a_student_learns_from_what_it_wrote(tiny_family: TinyFamily, tmp_path: Path) -> None:
    terms = (JSD(kind="jsd"), CrossEntropy(kind="cross_entropy", weight=0.1))
    settings = DISTILL.model_copy(
        update={"on_policy": OnPolicy(share=0.5, tokens=12), "loss": terms, "accumulate": 2}
    )
    out, again = tmp_path / "out", tmp_path / "again"
    for folder in (out, again):
        folder.mkdir()
        outcome = distill(tiny_family.distill_inputs, settings, folder)
    found = [json.loads(line) for line in (out / "history.jsonl").open()]
    # The corpus' own answers have cross-entropy; what the student wrote has none.
    assert found[-1]["loss"] < found[0]["loss"]
    (taught,) = [edge for edge in outcome.edges if edge.kind == "distilled_from"]
    assert taught.detail["on_policy_share"] == 0.5
    name = "model.safetensors"
    assert (out / name).read_bytes() == (again / name).read_bytes()
