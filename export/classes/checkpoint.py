"""The PyTorch classifier that exported files are held against."""

from collections.abc import Sequence
from pathlib import Path

import torch
from transformers import AutoModelForSequenceClassification

from export.classes.runtime import padded
from family.evaluate.classes import Ids
from family.evaluate.protocol import Floats


class Checkpoint:
    """A Hugging Face folder in PyTorch, computing in `dtype`."""

    def __init__(self, folder: Path, dtype: torch.dtype) -> None:
        self._model = AutoModelForSequenceClassification.from_pretrained(
            folder, dtype=dtype, use_safetensors=True, local_files_only=True
        ).eval()

    @torch.inference_mode()
    def logits(self, rows: Sequence[Ids]) -> Floats:
        """Logits of the labels at the last token of each of `rows`, [N, C]; each row [T].

        The model itself would look for the last token that is not the padding's, and miss one
        that a row ends with."""
        ids, mask = map(torch.from_numpy, padded(rows))
        hidden = self._model.base_model(ids, attention_mask=mask, use_cache=False)[0]
        last = hidden[torch.arange(len(rows)), mask.sum(-1) - 1]
        logits: Floats = self._model.score(last).float().numpy()
        return logits
