"""How fast exported files decode, in turns with PyTorch: a busy machine slows all alike."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import torch

from export.checkpoint import Checkpoint
from export.runtime import Decoder, Ids, Timing
from family.progress import report
from family.spec import Verify

BASELINE = "PyTorch bf16"


def timings(
    model: Path, files: Mapping[str, Path], prompt: Ids, settings: Verify
) -> dict[str, list[Timing]]:
    """`settings.repeats` timings of the checkpoint in bf16 (BASELINE) and of each file.

    A first round, in which caches fill and kernels are compiled, does not count."""
    contenders: dict[str, Checkpoint | Decoder] = {BASELINE: Checkpoint(model, torch.bfloat16)}
    contenders |= {name: Decoder(path, settings.threads) for name, path in files.items()}
    found: dict[str, list[Timing]] = {name: [] for name in contenders}
    with torch_threads(settings.threads):
        for done in range(settings.repeats + 1):
            report(done, settings.repeats + 1, "timings")
            for name, contender in contenders.items():
                found[name].append(contender.time(prompt, settings.decode_tokens))
    report(settings.repeats + 1, settings.repeats + 1, "timings")
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
