"""Classifiers, from a base model to a student of one, by the true stages."""

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import AutoModelForSequenceClassification

from family.corpus import blocks, rows
from family.distill.train import distill
from family.errors import DescentError
from family.evaluate.score import evaluate
from family.signal.capture import logits, signal
from family.spec import (
    Corpus,
    CrossEntropy,
    Dense,
    Distill,
    Evaluate,
    ForwardKL,
    PostTrain,
    PruneStart,
    Rows,
    Shape,
    Signal,
    TrimmedVocabulary,
)
from family.stage import Outcome
from family.student.start import start
from family.student.vocabulary import vocabulary
from family.teacher.open import load, load_tokenizer
from tests.family.conftest import TinyFamily

ANIMALS = ("lion", "owl", "whale", "wolf", "frog", "bat", "bear", "crow")
ASKED = {"food": "What does the {} eat? {}", "place": "Where does the {} live? {}"}
TRAINING = {"batch": 4, "learning_rate": 3e-3, "precision": "fp32"}


class Classified:
    """A tiny family of classifiers, and what each stage said."""

    def __init__(self, base: Path, root: Path) -> None:
        self.base, self.root = base, root
        self.outcomes: dict[str, Outcome] = {}
        lines = [
            json.dumps({"text": asked.format(animal, number), "label": label})
            for label, asked in ASKED.items()
            for animal in ANIMALS
            for number in range(6)
        ]
        root.mkdir()
        (root / "rows.jsonl").write_text("\n".join([*lines, '{"text": "Who knows?"}']))
        settings = Rows(path=str(root / "rows.jsonl"), held_out=0.2)
        self.rows = self._made("rows", rows.rows, settings)
        self.corpus = self._made(
            "corpus", blocks.corpus, Corpus(block=64), flagship=base, rows=self.rows
        )
        self.flagship = self._made(
            "flagship",
            distill,
            PostTrain(tokens=6000, **TRAINING),
            student=base,
            corpus=self.corpus,
        )
        self.signal = self._made(
            "signal",
            signal,
            Signal(codec=Dense(kind="dense")),
            teacher=self.flagship,
            corpus=self.corpus,
        )
        trimmed = TrimmedVocabulary(kind="trimmed", multiple=8)
        self.vocabulary = self._made(
            "vocabulary", vocabulary, trimmed, flagship=base, corpus=self.corpus
        )
        self.start = self._made(
            "start",
            start,
            PruneStart(kind="prune", shape=Shape(layers=2, hidden=32), calibration=2),
            parent=self.flagship,
            corpus=self.corpus,
            vocabulary=self.vocabulary,
        )
        terms = (ForwardKL(kind="forward_kl", temperature=2), CrossEntropy(kind="cross_entropy"))
        self.student = self._made(
            "student",
            distill,
            Distill(tokens=8000, loss=terms, **TRAINING),
            student=self.start,
            teacher=self.flagship,
            signal=self.signal,
            corpus=self.corpus,
        )

    def _made(self, name: str, stage: object, settings: object, **inputs: Path) -> Path:
        out = self.root / name
        out.mkdir()
        self.outcomes[name] = stage(inputs, settings, out)  # type: ignore[operator]
        return out

    def scores(self, model: Path, out: Path) -> Mapping[tuple[str, str], float]:
        inputs = {"model": model, "reference": self.flagship, "corpus": self.corpus}
        metrics = evaluate(inputs, Evaluate(batch=8), out).metrics
        return {(one.about, one.name): one.value for one in metrics}


@pytest.fixture(scope="module")
def made(tiny_family: TinyFamily, tmp_path_factory: pytest.TempPathFactory) -> Classified:
    return Classified(tiny_family.flagship, tmp_path_factory.mktemp("classes") / "family")


def test_a_base_model_becomes_a_classifier_that_says_where_it_came_from(made: Classified) -> None:
    config = json.loads((made.flagship / "config.json").read_text())
    assert config["architectures"] == ["LlamaForSequenceClassification"]
    assert config["id2label"] == {"0": "food", "1": "place"}
    (edge,) = made.outcomes["flagship"].edges
    assert (edge.kind, edge.parent) == ("finetuned_from", "student")


def test_students_keep_what_the_flagship_learnt(made: Classified, tmp_path: Path) -> None:
    found = made.scores(made.student, tmp_path)
    assert found["reference", "accuracy"] > 0.9
    assert found["model", "accuracy"] > 0.9
    assert found["model", "retention"] == pytest.approx(
        found["model", "accuracy"] / found["reference", "accuracy"]
    )


@pytest.mark.parametrize("which", ["flagship", "student"])
def test_rows_in_one_block_are_read_as_transformers_reads_each_alone(
    made: Classified, which: str
) -> None:
    folder = getattr(made, which)
    corpus = blocks.read(made.corpus, folder)
    packed = torch.cat(list(logits(load(folder), corpus, slice(0, corpus.count))))
    plain = AutoModelForSequenceClassification.from_pretrained(folder)
    block, last = np.nonzero(corpus.wanted)
    alone = []
    for row, end in zip(block, last, strict=True):
        length = corpus.positions[row, end] + 1
        tokens = corpus.tokens[row, end + 1 - length : end + 1]
        with torch.no_grad():
            alone.append(plain(input_ids=torch.from_numpy(tokens[None].astype(np.int64))).logits)
    torch.testing.assert_close(packed, torch.cat(alone), atol=1e-4, rtol=1e-3)


def test_a_padded_batch_is_answered_at_each_rows_last_token(made: Classified) -> None:
    plain = AutoModelForSequenceClassification.from_pretrained(made.student)
    tokenizer = load_tokenizer(made.student)
    texts = ["Where does the owl live? 3", "What does the lion eat? 1 What does the bear eat? 2"]
    alone = [tokenizer(text)["input_ids"] for text in texts]
    width, pad = max(map(len, alone)), plain.config.pad_token_id
    batch = torch.tensor([ids + [pad] * (width - len(ids)) for ids in alone])
    with torch.no_grad():
        together = plain(input_ids=batch, attention_mask=(batch != pad).long()).logits
        apart = torch.cat([plain(input_ids=torch.tensor([ids])).logits for ids in alone])
    torch.testing.assert_close(together, apart, atol=1e-5, rtol=1e-4)


def test_a_row_without_a_label_is_learnt_from_the_teacher_alone(made: Classified) -> None:
    corpus = blocks.read(made.corpus, made.student)
    assert (corpus.labels == blocks.UNKNOWN).sum() == 1
    targets = made.outcomes["signal"].facts["targets"]
    assert targets == corpus.wanted.sum()


def test_a_teacher_that_is_no_classifier_is_refused(made: Classified, tmp_path: Path) -> None:
    inputs = {"teacher": made.base, "corpus": made.corpus}
    with pytest.raises(DescentError, match=r"the teacher is no classifier.*Add `post_train`"):
        signal(inputs, Signal(), tmp_path)


def test_a_teacher_of_other_labels_is_refused(made: Classified, tmp_path: Path) -> None:
    (tmp_path / "corpus").mkdir()
    for path in made.corpus.iterdir():
        (tmp_path / "corpus" / path.name).write_bytes(path.read_bytes())
    (tmp_path / "corpus" / "labels.json").write_text('["colour", "food"]')
    inputs = {"teacher": made.flagship, "corpus": tmp_path / "corpus"}
    with pytest.raises(DescentError, match=r"knows 2 labels \(food, place, ...\), the corpus 2"):
        signal(inputs, Signal(), tmp_path)
