"""Exported classifiers, opened in ONNX Runtime. Imports no PyTorch."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import onnxruntime as ort

from family.errors import DescentError
from family.evaluate.classes import Ids, Reader
from family.evaluate.protocol import Floats, log_softmax


class Classifier:
    """An exported classifier on `threads` threads; 0 is one per core."""

    def __init__(self, folder: Path, threads: int = 0) -> None:
        options = ort.SessionOptions()
        options.intra_op_num_threads = threads
        # Threads that spin while they wait gain nothing on an idle machine and stall a busy one.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        self._session = ort.InferenceSession(folder / "model.onnx", options)

    def logits(self, rows: Sequence[Ids]) -> Floats:
        """Logits of the labels for each of `rows`, [N, C]; each row [T], of any length."""
        ids, mask = padded(rows)
        logits: Floats = self._session.run(["logits"], {"input_ids": ids, "attention_mask": mask})[
            0
        ]
        return logits


def padded(rows: Sequence[Ids]) -> tuple[Ids, Ids]:
    """Rows side by side, filled up at the right, and their mask: both [N, T]."""
    mask = np.arange(max(map(len, rows))) < np.array([[len(row)] for row in rows])
    ids = np.zeros(mask.shape, np.int64)
    ids[mask] = np.concatenate(rows)
    return ids, mask.astype(np.int64)


class Guess(NamedTuple):
    """A label and how likely it is."""

    label: str
    odds: float
    """Of all labels, from 0 to 1."""


def guesses(folder: Path, text: str) -> list[Guess]:
    """Every label of the classifier in `folder`, the likeliest for `text` first.

    DescentError if `text` holds nothing to read."""
    row = Reader(folder).read(text)
    if not len(row):
        raise DescentError("the text is empty. Give the words to label.")
    names: dict[str, str] = json.loads((folder / "config.json").read_text())["id2label"]
    odds = np.exp(log_softmax(Classifier(folder).logits([row])[0]))
    order = (-odds).argsort(kind="stable")
    return [Guess(names[str(label)], float(odds[label])) for label in order]
