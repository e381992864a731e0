"""Every exported file, reopened in its own runtime: how good, how large, how fast."""

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from statistics import median
from typing import NamedTuple, get_args

import numpy as np
import torch

from export.checkpoint import Checkpoint
from export.runtime import Decoder, Floats, Ids, Session, Timing
from family.errors import StageError
from family.evaluate.protocol import Conversation, Protocol, answer_nats, divergence, held_out
from family.progress import report
from family.spec import Precision, Verify
from family.stage import Metric, Outcome
from family.store import MANIFEST, OUTCOME, sha256

RESAMPLES = 1000
GREEDY_PROMPTS = 4
BASELINE = "PyTorch bf16"


class Score(NamedTuple):
    """What a model said about one answer."""

    nats: float
    kl: float
    agreed: int
    largest_error: float
    """Of a logit, over the whole conversation."""


def verify(inputs: Mapping[str, Path], settings: Verify, out: Path) -> Outcome:
    """Score and time every exported file against the checkpoint that it came from.

    The held-out conversations go through `inputs["model"]` in PyTorch and through each of
    "fp32", "int8" and "int4" that is there, in ONNX Runtime. Speed is taken in turns with
    PyTorch in bf16, so that a busy machine slows all of them alike."""
    model, corpus = inputs["model"], inputs["corpus"]
    files = {name: inputs[name] for name in get_args(Precision) if name in inputs}
    conversations = held_out(corpus, model)
    _check_lengths(model, conversations, settings)
    checkpoint = Checkpoint(model, torch.float32)

    metrics: list[Metric] = []
    scores = _scores(checkpoint, files, conversations)
    reference = sha256(model / "model.safetensors")
    for name, folder in files.items():
        protocol = Protocol(corpus, RESAMPLES, name)
        metrics += _quality(protocol, conversations, scores["model"], scores[name], reference)
        metrics.append(_size(protocol, folder))
        if name == "fp32":
            metrics += _exactness(
                protocol, checkpoint, folder, conversations, scores[name], settings, reference
            )
    prompt = conversations[0].ids[: conversations[0].start]
    timings = _timings(model, files, prompt, settings)
    for name in files:
        metrics += _speed(Protocol(corpus, RESAMPLES, name), timings, prompt, settings)
    return Outcome(
        metrics=tuple(metrics),
        facts={
            "conversations": len(conversations),
            "pytorch_bf16_tokens_per_second": median(time.rate for time in timings[BASELINE]),
        },
    )


def _check_lengths(model: Path, conversations: Sequence[Conversation], settings: Verify) -> None:
    context = json.loads((model / "config.json").read_text())["max_position_embeddings"]
    longest = max(len(conversation.ids) for conversation in conversations)
    prompt = max(conversation.start for conversation in conversations[:GREEDY_PROMPTS])
    needed = max(longest, prompt + settings.greedy_tokens, prompt + settings.decode_tokens)
    if needed > context:
        raise StageError(
            f"verify needs sequences of {needed} tokens, and the model reads {context}. Raise "
            f"shape.context, or lower verify.greedy_tokens and verify.decode_tokens."
        )


# ---- how good ------------------------------------------------------------------------------


def _scores(
    checkpoint: Checkpoint, files: Mapping[str, Path], conversations: Sequence[Conversation]
) -> dict[str, list[Score]]:
    """Scores of "model" and of each file.

    Each core takes a conversation of its own: threads that share one spend their time waiting
    for one another, most of all on a busy machine."""
    sessions = {name: Session(path, threads=1) for name, path in files.items()}

    def score(conversation: Conversation) -> dict[str, Score]:
        reference = checkpoint.logits(conversation.ids)
        scores = {"model": _compare(conversation, reference, reference)}
        for name, session in sessions.items():
            scores[name] = _compare(conversation, reference, session.logits(conversation.ids))
        return scores

    cores = torch.get_num_threads()
    found: dict[str, list[Score]] = {name: [] for name in ("model", *files)}
    with ThreadPoolExecutor(cores, initializer=torch.set_num_threads, initargs=(1,)) as pool:
        for done, scores in enumerate(pool.map(score, conversations)):
            report(done, len(conversations), "conversations")
            for name, one in scores.items():
                found[name].append(one)
    report(len(conversations), len(conversations), "conversations")
    return found


def _compare(conversation: Conversation, reference: Floats, logits: Floats) -> Score:
    """Score `logits` against the checkpoint's, both float32 [T, V]."""
    answer = slice(conversation.start - 1, -1)
    ours, theirs = logits[answer], reference[answer]
    return Score(
        nats=answer_nats(ours, conversation),
        kl=float(divergence(theirs, ours).sum()),
        agreed=int((ours.argmax(-1) == theirs.argmax(-1)).sum()),
        largest_error=float(np.abs(logits - reference).max()),
    )


def _quality(
    protocol: Protocol,
    conversations: Sequence[Conversation],
    before: Sequence[Score],
    after: Sequence[Score],
    reference: str,
) -> Iterator[Metric]:
    """Scores of a file, and how far they lie from the checkpoint's."""
    bits = [score.nats / math.log(2) for score in after]
    bits_before = [score.nats / math.log(2) for score in before]
    rise = [ours - theirs for ours, theirs in zip(bits, bits_before, strict=True)]
    tokens = [len(conversation.ends) for conversation in conversations]
    yield protocol.metric("bits_per_byte", bits, [one.bytes for one in conversations], "bytes")
    yield protocol.metric(
        "kl", [score.kl for score in after], tokens, "tokens", reference=reference
    )
    yield protocol.metric(
        "agreement", [score.agreed for score in after], tokens, "tokens", reference=reference
    )
    yield protocol.metric("bits_per_byte_rise", rise, bits_before, "bits", reference=reference)


def _exactness(
    protocol: Protocol,
    checkpoint: Checkpoint,
    folder: Path,
    conversations: Sequence[Conversation],
    scores: Sequence[Score],
    settings: Verify,
    reference: str,
) -> Iterator[Metric]:
    """How closely fp32 repeats PyTorch: the largest error of a logit over the held-out text, and
    the share of the greedy tokens that are the same before the first that differs (the worst of
    a few prompts)."""
    tokens = sum(len(conversation.ids) for conversation in conversations)
    yield protocol.plain(
        "max_abs_error",
        max(score.largest_error for score in scores),
        tokens,
        "tokens",
        reference=reference,
    )
    session = Session(folder, torch.get_num_threads())
    count = settings.greedy_tokens
    prompts = [one.ids[: one.start] for one in conversations[:GREEDY_PROMPTS]]
    matched = min(_greedy_match(checkpoint, session, prompt, count) for prompt in prompts)
    yield protocol.plain(
        "greedy_match",
        matched / count,
        count,
        "tokens",
        reference=reference,
        prompts=len(prompts),
        tokens=count,
    )


def _greedy_match(checkpoint: Checkpoint, session: Session, prompt: Ids, count: int) -> int:
    """How many of the first greedy tokens are PyTorch's too.

    PyTorch reads the file's tokens at once: up to the first that it would not have taken itself,
    they are its own greedy tokens."""
    found = session.greedy(prompt, count)
    logits = checkpoint.logits(np.concatenate([prompt, found]))
    same = logits[len(prompt) - 1 : -1].argmax(-1) == found
    return int(same.cumprod().sum())


# ---- how large, how fast -------------------------------------------------------------------


def _size(protocol: Protocol, folder: Path) -> Metric:
    """Megabytes that go onto a device: all files but the store's own records."""
    sizes = [
        path.stat().st_size
        for path in folder.rglob("*")
        if path.is_file() and path.name not in (MANIFEST, OUTCOME)
    ]
    return protocol.plain("megabytes", sum(sizes) / 1e6, len(sizes), "files")


def _timings(
    model: Path, files: Mapping[str, Path], prompt: Ids, settings: Verify
) -> dict[str, list[Timing]]:
    """Timings of PyTorch in bf16 and of each file, taken in turns after one unmeasured round."""
    contenders: dict[str, Checkpoint | Decoder] = {BASELINE: Checkpoint(model, torch.bfloat16)}
    contenders |= {name: Decoder(path, settings.threads) for name, path in files.items()}
    timings: dict[str, list[Timing]] = {name: [] for name in contenders}
    threads = torch.get_num_threads()
    torch.set_num_threads(settings.threads)
    try:
        for done in range(settings.repeats + 1):
            report(done, settings.repeats + 1, "timings")
            for name, contender in contenders.items():
                timings[name].append(contender.time(prompt, settings.decode_tokens))
    finally:
        torch.set_num_threads(threads)
    report(settings.repeats + 1, settings.repeats + 1, "timings")
    return {name: found[1:] for name, found in timings.items()}


def _speed(
    protocol: Protocol, timings: Mapping[str, Sequence[Timing]], prompt: Ids, settings: Verify
) -> Iterator[Metric]:
    """Medians of a file's timings, and its rate over PyTorch's."""
    taken = timings[protocol.about]
    rate = median(time.rate for time in taken)
    baseline = median(time.rate for time in timings[BASELINE])
    details = {"threads": settings.threads, "prompt": len(prompt), "tokens": settings.decode_tokens}
    figures = (
        ("decode_tokens_per_second", rate, details),
        ("time_to_first_token_ms", median(time.first_token for time in taken) * 1e3, details),
        ("decode_ratio", rate / baseline, {**details, "baseline": BASELINE}),
    )
    for name, value, decided_by in figures:
        yield protocol.plain(name, value, len(taken), "timings", **decided_by)
