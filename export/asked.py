"""Models as the lm-evaluation-harness asks them.

The harness has one adapter for models of transformers, `HFLM`, which turns tasks into requests. A
checkpoint goes through it as it is, and exported files through the same one with ONNX Runtime in
place of PyTorch: both answer the very same requests.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch
from lm_eval.models.huggingface import HFLM
from lm_eval.models.utils_hf import stop_sequences_criteria
from transformers import AutoModelForCausalLM, AutoTokenizer

from export.runtime import Session
from family.errors import StageError
from family.progress import report
from family.spec import LMEval


class Asked(HFLM):  # type: ignore[misc]
    """A model that counts what it reads, and tells how far it is."""

    def __init__(self, model: Any, folder: Path, settings: LMEval, longest: int) -> None:
        if settings.context > longest:
            raise StageError(
                f"evaluate.lm_eval.context is {settings.context}, and the model reads {longest} "
                f"tokens. Use at most {longest}, or raise shape.context."
            )
        super().__init__(
            pretrained=model,
            tokenizer=AutoTokenizer.from_pretrained(folder, local_files_only=True),
            backend="causal",
            max_length=settings.context,
            batch_size=settings.batch,
        )
        self.tokens = 0
        """Tokens that passed through the model."""
        self._asked = self._answered = 0

    def get_model_info(self) -> dict[str, str]:
        """Nothing: HFLM would look the model up on the Hub."""
        return {}

    def _loglikelihood_tokens(self, requests: Sequence[Any], **how: Any) -> Any:
        self._asked += len(requests)
        return super()._loglikelihood_tokens(requests, **how)

    def generate_until(self, requests: Sequence[Any], **how: Any) -> Any:
        """What the model writes to each request."""
        self._asked += len(requests)
        return super().generate_until(requests, **how)

    def _model_call(self, tokens: torch.Tensor, **how: Any) -> torch.Tensor:
        self._count(tokens)
        return self._logits(tokens)

    def _model_generate(self, context: torch.Tensor, **how: Any) -> torch.Tensor:
        written = self._written(context, **how)
        self._count(written)
        return written

    def _count(self, tokens: torch.Tensor) -> None:
        self.tokens += tokens.numel()
        # Requests that share a context are read once, so there are fewer passes than requests.
        self._answered = min(self._answered + len(tokens), self._asked)
        report(self._answered, self._asked, "requests")

    def _logits(self, tokens: torch.Tensor) -> torch.Tensor:
        """Of the next token after each of `tokens` [B, T]: [B, T, V]."""
        raise NotImplementedError

    def _written(self, context: torch.Tensor, **how: Any) -> torch.Tensor:
        """`context` [B, T] with what follows it."""
        raise NotImplementedError


class Checkpoint(Asked):
    """A Hugging Face folder in PyTorch, in the precision that it is stored in."""

    def __init__(self, folder: Path, settings: LMEval) -> None:
        model = AutoModelForCausalLM.from_pretrained(
            folder, dtype="auto", use_safetensors=True, local_files_only=True
        )
        super().__init__(model, folder, settings, model.config.max_position_embeddings)

    def _logits(self, tokens: torch.Tensor) -> torch.Tensor:
        return HFLM._model_call(self, tokens)  # type: ignore[no-any-return]

    def _written(self, context: torch.Tensor, **how: Any) -> torch.Tensor:
        return HFLM._model_generate(self, context, **how)  # type: ignore[no-any-return]


class Files(Asked):
    """Exported files in ONNX Runtime, a request at a time: so no padding is computed."""

    def __init__(self, folder: Path, settings: LMEval) -> None:
        config = json.loads((folder / "genai_config.json").read_text())["model"]
        stand_in = SimpleNamespace(device=torch.device("cpu"), config=SimpleNamespace())
        settings = settings.model_copy(update={"batch": 1})
        super().__init__(stand_in, folder, settings, config["context_length"])
        self._session = Session(folder)

    def _logits(self, tokens: torch.Tensor) -> torch.Tensor:
        return torch.from_numpy(np.stack([self._session.logits(row) for row in tokens.numpy()]))

    def _written(self, context: torch.Tensor, **how: Any) -> torch.Tensor:
        """Greedy, up to `max_length` or one of the `stop` strings; the end token is one."""
        if how.get("do_sample") or how.get("temperature"):
            raise StageError(
                "a task samples its answers, and exported files are asked for the likeliest token "
                "each time. Give it `do_sample: false`, or write `evaluate.lm_eval.files: []`."
            )
        stopped = stop_sequences_criteria(self.tokenizer, how["stop"], context.shape[1], 1)
        tokens = context
        for token in self._session.follow(context[0].numpy()):
            tokens = torch.cat([tokens, torch.tensor([[token]])], dim=1)
            if tokens.shape[1] >= how["max_length"] or stopped(tokens, None).all():
                break
        return tokens
