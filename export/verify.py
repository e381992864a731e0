"""Every exported file, reopened in its own runtime: how good, how large, how fast."""

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from statistics import median
from typing import get_args

import torch

from export.bench import BASELINE, timings, torch_threads
from export.checkpoint import Checkpoint
from export.classes.verify import verify as verify_classifier
from export.compare import CHECKPOINT, Score, greedy_matches, scores
from export.runtime import Session, Timing
from export.size import megabytes
from export.targets import is_classifier
from family.errors import StageError
from family.evaluate.protocol import Conversation, Protocol, held_out
from family.spec import Precision, Verify
from family.stage import Metric, Outcome
from family.store import sha256

RESAMPLES = 1000
GREEDY_PROMPTS = 4
#: Conversations scored at once, at most: each holds its logits, of every model.
SIDE_BY_SIDE = 8


def verify(inputs: Mapping[str, Path], settings: Verify, out: Path) -> Outcome:
    """Score and time every exported file against the checkpoint that it came from.

    The held-out conversations, or a classifier's rows, go through `inputs["model"]` in PyTorch and
    through each of "fp32", "int8" and "int4" that is there, in ONNX Runtime."""
    model, corpus = inputs["model"], inputs["corpus"]
    config = json.loads((model / "config.json").read_text())
    if is_classifier(config):
        return verify_classifier(inputs, settings, out)
    files = {name: inputs[name] for name in get_args(Precision) if name in inputs}
    protocols = {name: Protocol(corpus, RESAMPLES, name) for name in files}
    conversations = held_out(corpus, model)
    prompts = [one.ids[: one.start] for one in conversations[:GREEDY_PROMPTS]]
    _check_lengths(model, conversations, settings)
    reference = sha256(model / "model.safetensors")
    metrics: list[Metric] = []

    # A conversation to each core, with one thread: threads that share a conversation spend
    # their time waiting for one another, most of all on a busy machine.
    cores = min(torch.get_num_threads(), SIDE_BY_SIDE)
    with torch_threads(1), ThreadPoolExecutor(cores) as pool:
        checkpoint = Checkpoint(model, torch.float32)
        sessions = {name: Session(path, threads=1) for name, path in files.items()}
        found = scores(pool, checkpoint, sessions, conversations)
        for protocol in protocols.values():
            metrics += _quality(protocol, conversations, found, reference)
        if "fp32" in files:
            count = settings.greedy_tokens
            matches = greedy_matches(pool, checkpoint, sessions["fp32"], prompts, count)
            metrics += _exactness(
                protocols["fp32"],
                conversations,
                found["fp32"],
                min(matches) / count,
                settings,
                reference,
            )
    del checkpoint, sessions

    taken = timings(model, files, prompts[0], settings)
    for name, protocol in protocols.items():
        metrics.append(megabytes(protocol, files[name]))
        metrics += _speed(protocol, taken, len(prompts[0]), settings)
    return Outcome(
        metrics=tuple(metrics),
        facts={
            "conversations": len(conversations),
            "pytorch_bf16_tokens_per_second": median(time.rate for time in taken[BASELINE]),
        },
    )


def _check_lengths(model: Path, conversations: Sequence[Conversation], settings: Verify) -> None:
    context = json.loads((model / "config.json").read_text())["max_position_embeddings"]
    longest = max(len(conversation.ids) for conversation in conversations)
    prompt = max(conversation.start for conversation in conversations[:GREEDY_PROMPTS])
    needed = max(longest, prompt + max(settings.greedy_tokens, settings.decode_tokens))
    if needed > context:
        raise StageError(
            f"verify needs sequences of {needed} tokens, and the model reads {context}. Raise "
            f"shape.context, or lower verify.greedy_tokens and verify.decode_tokens."
        )


def _quality(
    protocol: Protocol,
    conversations: Sequence[Conversation],
    found: Mapping[str, Sequence[Score]],
    reference: str,
) -> Iterator[Metric]:
    """Scores of a file, and how far they lie from the checkpoint's."""
    ours = found[protocol.about]
    bits = [score.nats / math.log(2) for score in ours]
    before = [score.nats / math.log(2) for score in found[CHECKPOINT]]
    rise = [after - one for after, one in zip(bits, before, strict=True)]
    size = [conversation.bytes for conversation in conversations]
    tokens = [len(conversation.ends) for conversation in conversations]
    agreed, kl = [score.agreed for score in ours], [score.kl for score in ours]
    yield protocol.metric("bits_per_byte", bits, size, "bytes")
    yield protocol.metric("bits_per_byte_rise", rise, before, "bits", reference=reference)
    yield protocol.metric("kl", kl, tokens, "tokens", reference=reference)
    yield protocol.metric("agreement", agreed, tokens, "tokens", reference=reference)


def _exactness(
    protocol: Protocol,
    conversations: Sequence[Conversation],
    ours: Sequence[Score],
    greedy_match: float,
    settings: Verify,
    reference: str,
) -> Iterator[Metric]:
    """How closely fp32 repeats PyTorch: the largest error of a logit over the held-out text, and
    the share of the greedy tokens that are PyTorch's, for the prompt where it is smallest."""
    tokens = sum(len(conversation.ids) for conversation in conversations)
    error = max(score.largest_error for score in ours)
    count = settings.greedy_tokens
    yield protocol.plain("max_abs_error", error, tokens, "tokens", reference=reference)
    yield protocol.plain(
        "greedy_match", greedy_match, count, "tokens", reference=reference, prompts=GREEDY_PROMPTS
    )


def _speed(
    protocol: Protocol, taken: Mapping[str, Sequence[Timing]], prompt: int, settings: Verify
) -> Iterator[Metric]:
    """Medians of a file's timings, and its rate over PyTorch's; `prompt` in tokens."""
    rate, baseline = (
        median(time.rate for time in taken[name]) for name in (protocol.about, BASELINE)
    )
    first = median(time.first_token for time in taken[protocol.about])
    for name, value in (
        ("decode_tokens_per_second", rate),
        ("decode_ratio", rate / baseline),
        ("time_to_first_token_ms", first * 1e3),
    ):
        yield protocol.plain(
            name,
            value,
            settings.repeats,
            "timings",
            threads=settings.threads,
            prompt=prompt,
            tokens=settings.decode_tokens,
        )
