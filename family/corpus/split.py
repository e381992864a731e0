"""Which samples are held out, and reading them from files."""

import hashlib
import json
from collections.abc import Iterable, Iterator
from pathlib import Path

from family.errors import DescentError
from family.spec import Split


def split(samples: Iterable[str], settings: Split) -> tuple[list[str], list[str]]:
    """The samples to train on and those held out, without repeats."""
    train: list[str] = []
    held: list[str] = []
    for sample in dict.fromkeys(samples):
        side = held if is_held_out(sample, settings.held_out, settings.seed) else train
        side.append(sample)
    return train, held


def fault_of(train: list[str], held: list[str], settings: Split, what: str) -> str | None:
    """Why a split of `what`, in the plural, cannot be used, if it cannot."""
    if train and held:
        return None
    side = "held out" if train else "to train on"
    return (
        f"{settings.held_out:g} of {len(train) + len(held)} {what}, drawn with seed "
        f"{settings.seed}, leaves none {side}. Bring more {what}, or change held_out or seed."
    )


def is_held_out(sample: str, share: float, seed: int) -> bool:
    """Whether a sample is kept from training: a matter of the sample itself, not of its place,
    so that samples that are added later move none of the others."""
    digest = hashlib.sha256(f"{seed}:{sample}".encode()).digest()
    return int.from_bytes(digest[:8], "big") < share * 2**64


def column(path: Path, name: str) -> Iterator[str]:
    """One field of every row of a JSONL file."""
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        if not line.strip():
            continue
        try:
            yield str(json.loads(line)[name])
        except (ValueError, KeyError, TypeError):
            raise DescentError(f"{path}:{number}: expected a JSON object with `{name}`") from None
