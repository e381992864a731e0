"""The PyTorch checkpoint that exported files are held against."""

import time
from pathlib import Path

import torch
from transformers import AutoModelForCausalLM, DynamicCache

from export.runtime import Floats, Ids, Timing


class Checkpoint:
    """A Hugging Face folder in PyTorch, computing in `dtype`."""

    def __init__(self, folder: Path, dtype: torch.dtype) -> None:
        self._model = AutoModelForCausalLM.from_pretrained(
            folder, dtype=dtype, use_safetensors=True, local_files_only=True
        ).eval()

    @torch.inference_mode()
    def logits(self, ids: Ids) -> Floats:
        """Logits of the next token after each of `ids`, [T] -> [T, V]."""
        logits: Floats = self._model(torch.from_numpy(ids)[None], use_cache=False).logits[0].numpy()
        return logits

    @torch.inference_mode()
    def time(self, ids: Ids, count: int) -> Timing:
        """Time `count` greedy tokens after `ids` [T]; end tokens do not stop it.

        Nothing but forward passes with a cache, and the head on the last position alone: what
        `generate` does without its overhead."""
        cache = DynamicCache(config=self._model.config)
        start = time.perf_counter()
        token = self._next(torch.from_numpy(ids)[None], cache)
        first = time.perf_counter()
        for _ in range(count - 1):
            token = self._next(token, cache)
        return Timing(first - start, (count - 1) / (time.perf_counter() - first))

    def _next(self, tokens: torch.Tensor, cache: DynamicCache) -> torch.Tensor:
        """The likeliest token after `tokens` [1, T] and what `cache` holds, [1, 1]."""
        output = self._model(tokens, past_key_values=cache, use_cache=True, logits_to_keep=1)
        likeliest: torch.Tensor = output.logits.argmax(-1)
        return likeliest
