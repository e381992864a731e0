"""Classifiers: a body with a head over labels instead of one over the vocabulary."""

import json
from pathlib import Path
from typing import Any

import torch
from transformers import AutoModelForSequenceClassification

from family.corpus.rows import LABELS
from family.errors import DescentError
from family.teacher.open import classifies, load_tokenizer


def labels_of(corpus: Path) -> list[str] | None:
    """The labels that a corpus teaches, in the order of logits; None if it teaches text."""
    path = corpus / LABELS
    return json.loads(path.read_text()) if path.exists() else None


def refuse_other_labels(config: Any, corpus: Path, what: str) -> None:
    """DescentError unless a model of this configuration says what the corpus is about."""
    labels = labels_of(corpus)
    if labels is None and not classifies(config):
        return
    if labels is None:
        raise DescentError(
            f"the {what} is a classifier, and the corpus teaches text. Write `task: "
            "sequence-classification` with `rows`, or bring a causal language model."
        )
    if not classifies(config):
        raise DescentError(
            f"the {what} is no classifier, and the corpus teaches labels. Add `post_train` to the "
            "family file, which makes one of a base model."
        )
    known = [config.id2label[number] for number in sorted(config.id2label)]
    if known != labels:
        raise DescentError(
            f"the {what} knows {len(known)} labels ({', '.join(known[:3])}, ...), the corpus "
            f"{len(labels)} ({', '.join(labels[:3])}, ...), and they must be the same, in the same "
            "order. Name the model's own in rows.labels."
        )


def with_labels(model: Any, folder: Path, labels: list[str], seed: int) -> Any:
    """A language model's body under a fresh head [C, D]; `folder` has its tokenizer."""
    config = model.config
    config.id2label = dict(enumerate(labels))
    config.label2id = {name: number for number, name in enumerate(labels)}
    tokenizer = load_tokenizer(folder)
    if config.pad_token_id is None:  # by which transformers finds a row's last token
        pad = tokenizer.pad_token_id
        config.pad_token_id = tokenizer.eos_token_id if pad is None else pad
    torch.manual_seed(seed)
    found = AutoModelForSequenceClassification.from_config(config, dtype=model.dtype)
    found.base_model.load_state_dict(model.base_model.state_dict())
    found.config.architectures = [type(found).__name__]
    return found.eval()
