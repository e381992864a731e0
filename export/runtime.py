"""Exported folders, opened in ONNX Runtime. Imports no PyTorch.

`Session` is plain onnxruntime, for scoring. `stream` and `Decoder` are onnxruntime_genai, which
keeps the cache in place: for people, and for timing.
"""

import json
import time
from collections.abc import Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import onnxruntime as ort
import onnxruntime_genai as og
from numpy.typing import NDArray

from family.errors import DescentError

Floats = NDArray[np.float32]
Ids = NDArray[np.int64]
Cache = Mapping[str, Floats]


class Session:
    """An exported model in plain ONNX Runtime on `threads` threads; 0 is one per core."""

    def __init__(self, folder: Path, threads: int = 0) -> None:
        options = ort.SessionOptions()
        options.intra_op_num_threads = threads
        self._session = ort.InferenceSession(folder / "model.onnx", options)
        inputs = {given.name: given.shape for given in self._session.get_inputs()}
        self._empty = {
            name: np.zeros((1, shape[1], 0, shape[3]), np.float32)
            for name, shape in inputs.items()
            if name.startswith("past_key_values.")
        }
        self._presents = [name.replace("past_key_values", "present") for name in self._empty]

    def logits(self, ids: Ids) -> Floats:
        """Logits of the next token after each of `ids`, [T] -> [T, V]."""
        logits: Floats = self._session.run(["logits"], _feed(ids, self._empty))[0][0]
        return logits

    def greedy(self, ids: Ids, count: int) -> Ids:
        """The `count` tokens that follow `ids` [T], the likeliest each time; end tokens too."""
        return np.fromiter(islice(self.follow(ids), count), np.int64)

    def follow(self, ids: Ids) -> Iterator[int]:
        """The tokens that follow `ids` [T], the likeliest each time, without end."""
        cache: Cache = self._empty
        while True:
            outputs = self._session.run(["logits", *self._presents], _feed(ids, cache))
            cache = dict(zip(self._empty, outputs[1:], strict=True))
            ids = outputs[0][0, -1:].argmax(-1)
            yield int(ids[0])


def _feed(ids: Ids, cache: Cache) -> dict[str, NDArray[Any]]:
    seen = next(iter(cache.values())).shape[2]
    mask = np.ones((1, seen + len(ids)), np.int64)
    return {"input_ids": ids[None], "attention_mask": mask, **cache}


class Timing(NamedTuple):
    """How fast one answer came."""

    first_token: float
    """Seconds from the prompt to the first token."""
    rate: float
    """Tokens per second after the first."""


def _open(folder: Path, session_options: Mapping[str, str | int]) -> og.Model:
    config = og.Config(str(folder))
    config.overlay(json.dumps({"model": {"decoder": {"session_options": session_options}}}))
    return og.Model(config)


class Decoder:
    """An exported model in onnxruntime_genai on `threads` threads."""

    def __init__(self, folder: Path, threads: int) -> None:
        self._model = _open(folder, {"intra_op_num_threads": threads})

    def time(self, ids: Ids, count: int) -> Timing:
        """Time `count` greedy tokens after `ids` [T]; end tokens do not stop it."""
        length = len(ids) + count
        params = og.GeneratorParams(self._model)
        params.set_search_options(max_length=length, min_length=length, do_sample=False)
        generator = og.Generator(self._model, params)
        start = time.perf_counter()
        generator.append_tokens(ids)
        generator.generate_next_token()
        first = time.perf_counter()
        for _ in range(count - 1):
            generator.generate_next_token()
        return Timing(first - start, (count - 1) / (time.perf_counter() - first))


def stream(
    folder: Path, prompt: str, max_tokens: int = 256, temperature: float = 0.0
) -> Iterator[str]:
    """The model's answer to `prompt`, piece by piece, until it ends or `max_tokens` are out.

    The prompt goes through the model's chat template. Temperature 0 takes the likeliest token
    each time. DescentError if the prompt leaves no room in the context."""
    # Threads that spin while they wait gain nothing on an idle machine and stall a busy one.
    model = _open(folder, {"session.intra_op.allow_spinning": "0"})
    tokenizer = og.Tokenizer(model)
    messages = json.dumps([{"role": "user", "content": prompt}])
    ids = tokenizer.encode(tokenizer.apply_chat_template(messages, add_generation_prompt=True))
    context = json.loads((folder / "genai_config.json").read_text())["model"]["context_length"]
    if len(ids) >= context:
        raise DescentError(
            f"the prompt has {len(ids)} tokens, and the model reads {context}. Shorten it."
        )

    params = og.GeneratorParams(model)
    params.set_search_options(
        max_length=min(len(ids) + max_tokens, context),
        do_sample=temperature > 0,
        temperature=temperature or 1.0,
    )
    generator = og.Generator(model, params)
    generator.append_tokens(ids)
    pieces = tokenizer.create_stream()
    while not generator.is_done():
        generator.generate_next_token()
        if piece := pieces.decode(generator.get_next_tokens()[0]):
            yield piece
