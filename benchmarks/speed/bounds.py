"""What was found, held against the bounds."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import median
from typing import NamedTuple

from family.stage import Metric

#: A model that was trained and how; each is a row of the first table.
TRL, TRL_KEPT, PLAIN = "TRL as installed", "TRL, allocator as ours", "plain PyTorch loop"
LIVE, STORED, TRIMMED = "ours, live", "ours, stored", "ours, stored, 8k"
EIGHT_BIT = "ours, stored, 8-bit AdamW"
OURS = (LIVE, STORED, TRIMMED)
#: Least speed over TRL as installed, and over TRL with the same allocator.
FASTER = {LIVE: (1.6, 1.2), STORED: (2.5, 1.7), TRIMMED: (4.0, 2.5)}
MATMUL_SHARE = 0.55
MEMORY = 0.5
FLAT = 0.05
FAMILY = 0.3


class Spread(NamedTuple):
    """A figure of each round."""

    middle: float
    low: float
    high: float

    @classmethod
    def of(cls, values: Sequence[float]) -> "Spread":
        return cls(median(values), min(values), max(values))

    def __str__(self) -> str:
        return f"{self.middle:.2f} [{self.low:.2f}, {self.high:.2f}]"


@dataclass(frozen=True)
class Bound:
    """One line of the verdict."""

    what: str
    asked: str
    found: str
    met: bool


def speed(seconds: dict[str, list[float]]) -> Iterator[Bound]:
    """Of each of our ways over TRL's two; `seconds` of a step in each round."""
    for ours, asked in FASTER.items():
        for other, least in zip((TRL, TRL_KEPT), asked, strict=True):
            pairs = zip(seconds[other], seconds[ours], strict=True)
            found = Spread.of([theirs / own for theirs, own in pairs])
            yield Bound(
                f"speed of {ours} over {other}", f"≥ {least} ×", str(found), found.middle >= least
            )


def arithmetic(
    seconds: dict[str, list[float]], work: dict[str, float], rates: list[float]
) -> Iterator[Bound]:
    """Of each of our ways over the matmul rate of its round; `work` in operations a step."""
    for ours in OURS:
        found = Spread.of(
            [work[ours] / took / rate for took, rate in zip(seconds[ours], rates, strict=True)]
        )
        yield Bound(
            f"model FLOP/s of {ours} over the bf16 matmul rate",
            f"≥ {MATMUL_SHARE}",
            str(found),
            found.middle >= MATMUL_SHARE,
        )


def memory(peaks: dict[str, int]) -> Iterator[Bound]:
    """Of each of our ways over TRL's as installed; most bytes resident."""
    for ours in OURS:
        found = peaks[ours] / peaks[TRL]
        asked = f"≤ {MEMORY} ×"
        yield Bound(f"peak memory of {ours} over {TRL}", asked, f"{found:.2f}", found <= MEMORY)


def flat(small: int, large: int, head: int) -> Bound:
    """Peaks with half the vocabulary and all of it; `head` is what its rows weigh, trained."""
    found = (large - small - head) / small
    what = "memory that twice the vocabulary takes besides its head"
    return Bound(what, f"≤ {FLAT} of the peak", f"{found:.3f}", found <= FLAT)


def family(ours: float, theirs: float) -> Bound:
    """Wall times of three tiers."""
    found = ours / theirs
    what = f"wall time of a family of three tiers over three runs of {TRL}"
    return Bound(what, f"≤ {FAMILY} ×", f"{found:.2f}", found <= FAMILY)


def equal(name: str, ours: str, own: Metric, other: Metric) -> Bound:
    """That a student of ours is no worse than TRL's, as far as the held-out text can tell."""
    assert other.low is not None
    assert other.high is not None
    return Bound(
        f"held-out {name} of {ours}, and of {TRL_KEPT}",
        f"≤ {other.high:.3f}, the end of its 95 % interval",
        f"{own.value:.3f}, {other.value:.3f}",
        own.value <= other.high,
    )


def table(bounds: Sequence[Bound]) -> str:
    """Markdown."""
    lines = ["| bound | asked | found | met |", "| --- | --- | --- | --- |"]
    for bound in bounds:
        met = "yes" if bound.met else "**no**"
        lines.append(f"| {bound.what} | {bound.asked} | {bound.found} | {met} |")
    return "\n".join(lines)
