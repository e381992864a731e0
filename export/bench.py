"""How fast exported files answer, in turns with PyTorch: a busy machine slows all alike."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TypeVar

import torch

from export.checkpoint import Checkpoint
from export.runtime import Decoder, Ids, Timing
from family.progress import report
from family.spec import Verify

BASELINE = "PyTorch bf16"

Taken = TypeVar("Taken")


def timings(
    model: Path, files: Mapping[str, Path], prompt: Ids, settings: Verify
) -> dict[str, list[Timing]]:
    """`settings.repeats` timings of the checkpoint in bf16 (BASELINE) and of each file."""
    contenders: dict[str, Checkpoint | Decoder] = {BASELINE: Checkpoint(model, torch.bfloat16)}
    contenders |= {name: Decoder(path, settings.threads) for name, path in files.items()}
    with torch_threads(settings.threads):
        return in_turns(
            {
                name: partial(contender.time, prompt, settings.decode_tokens)
                for name, contender in contenders.items()
            },
            settings.repeats,
        )


def in_turns(contenders: Mapping[str, Callable[[], Taken]], repeats: int) -> dict[str, list[Taken]]:
    """`repeats` timings of each contender, one of each in turn.

    A first round, in which caches fill and kernels are compiled, does not count."""
    found: dict[str, list[Taken]] = {name: [] for name in contenders}
    for done in range(repeats + 1):
        report(done, repeats + 1, "timings")
        for name, time in contenders.items():
            found[name].append(time())
    report(repeats + 1, repeats + 1, "timings")
    return {name: taken[1:] for name, taken in found.items()}


@contextmanager
def torch_threads(count: int) -> Iterator[None]:
    """Let PyTorch compute on `count` threads in here."""
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)
