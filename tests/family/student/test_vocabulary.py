import json
from pathlib import Path

import numpy as np
import pytest
from tokenizers import Tokenizer

from family.errors import DescentError
from family.spec import TrimmedVocabulary
from family.student.vocabulary import vocabulary
from tests.family.conftest import TinyFamily


def tokenizers(family: TinyFamily) -> tuple[Tokenizer, Tokenizer, np.ndarray]:
    before = Tokenizer.from_file(str(family.flagship / "tokenizer.json"))
    after = Tokenizer.from_file(str(family.vocabulary / "tokenizer.json"))
    return before, after, np.load(family.vocabulary / "vocabulary.npy")


def test_it_is_smaller_and_of_the_asked_multiple(tiny_family: TinyFamily) -> None:
    facts = tiny_family.outcomes["vocabulary"].facts
    assert facts["tokens_kept"] < facts["tokens_before"]
    assert facts["tokens_kept"] % 8 == 0


def test_the_training_text_is_tokenised_as_before(tiny_family: TinyFamily) -> None:
    before, after, names = tokenizers(tiny_family)
    for line in (tiny_family.corpus / "train.jsonl").open():
        text = json.loads(line)["context"] + json.loads(line)["answer"]
        assert names[after.encode(text).ids].tolist() == before.encode(text).ids


@pytest.mark.parametrize("text", ["xylophone ZEBRA 0123", "naïve Ωmega 中文 🦁", "\x00\t\n  "])
def test_any_text_can_still_be_written(tiny_family: TinyFamily, text: str) -> None:
    _, after, _ = tokenizers(tiny_family)
    assert after.decode(after.encode(text).ids) == text


def test_special_tokens_stay_special(tiny_family: TinyFamily) -> None:
    before, after, names = tokenizers(tiny_family)
    for token in ("<|pad|>", "<|start|>", "<|end|>"):
        assert names[after.token_to_id(token)] == before.token_to_id(token)
    assert after.encode("<|end|>").tokens == ["<|end|>"]
    assert after.decode(after.encode("<|end|>").ids, skip_special_tokens=True) == ""


def test_a_lower_expectation_keeps_more_tokens(tiny_family: TinyFamily, tmp_path: Path) -> None:
    inputs = {
        "flagship": tiny_family.flagship,
        "corpus": tiny_family.corpus,
        "signal": tiny_family.signal,
    }
    kept = []
    for name, expected in (("few", 50.0), ("many", 0.01)):
        (tmp_path / name).mkdir()
        settings = TrimmedVocabulary(kind="trimmed", expected=expected, multiple=1)
        kept.append(vocabulary(inputs, settings, tmp_path / name).facts["tokens_kept"])
    assert kept[0] < kept[1]


def test_it_is_rounded_up_to_the_very_multiple(tiny_family: TinyFamily, tmp_path: Path) -> None:
    """Though most tokens bring others along, which their merges pass through."""
    inputs = {name: getattr(tiny_family, name) for name in ("flagship", "corpus", "signal")}

    def kept(multiple: int) -> int:
        out = tmp_path / str(multiple)
        out.mkdir()
        settings = TrimmedVocabulary(kind="trimmed", expected=1, multiple=multiple)
        return int(vocabulary(inputs, settings, out).facts["tokens_kept"])

    needed = kept(1)
    sizes = range(needed + 1, needed + 12)
    assert [kept(size) for size in sizes] == list(sizes)


def test_a_tokenizer_that_is_not_byte_level_bpe_is_refused(
    tiny_family: TinyFamily, tmp_path: Path
) -> None:
    (tmp_path / "tokenizer.json").write_text('{"model": {"type": "Unigram"}}')
    inputs = {
        "flagship": tmp_path,
        "corpus": tiny_family.corpus,
        "signal": tiny_family.signal,
    }
    with pytest.raises(DescentError, match="only byte-level BPE tokenizers can be trimmed"):
        vocabulary(inputs, TrimmedVocabulary(kind="trimmed"), tmp_path)
