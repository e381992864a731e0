"""What is better, what is worse, and what may not be compared."""

from collections.abc import Iterator, Sequence

from family.lineage.notes.data import Bound, Compared, Standing
from family.lineage.views import Figure, Member, Shipped
from family.spec import RETENTION
from family.stage import Verdict

#: What a tier is judged by, and what a set of files is.
OF_TIERS = ("accuracy", "bits_per_byte", "agreement", "retention", "kl")
SPEED = "decode_tokens_per_second"
SIZE = "megabytes"
TIMED = frozenset({SPEED, "time_to_first_token_ms", "rows_per_second", "ms_per_row"})
OF_FILES = (
    SIZE,
    SPEED,
    "time_to_first_token_ms",
    "rows_per_second",
    "ms_per_row",
    "accuracy",
    "bits_per_byte",
)
HIGHER_IS_BETTER = frozenset(
    {
        "accuracy",
        "agreement",
        "retention",
        "greedy_match",
        "decode_ratio",
        "row_ratio",
        "rows_per_second",
        SPEED,
    }
)

#: A figure with an interval has moved where it lies outside the interval that it had before. One
#: without has moved by more than this share of what it was: medians of a few timings differ by
#: several per cent between two runs on one machine.
NOTABLE = {SIZE: 0.02, **dict.fromkeys(TIMED, 0.1)}

OTHER_PROTOCOL = "measured under another protocol"
OTHER_MACHINE = "timed on another machine, or on one that was not recorded"


def of_tier(now: Member, before: Member | None) -> tuple[Compared, ...]:
    """The figures of a tier."""
    figures = [figure for name in OF_TIERS if (figure := now.figure(name))]
    figures += [figure for figure in now.metrics if figure.name.endswith(RETENTION)]
    return tuple(
        compared(figure, before.figure(figure.name) if before else None) for figure in figures
    )


def of_files(now: Shipped, before: Shipped | None, *, same_machine: bool) -> tuple[Compared, ...]:
    """The figures of a set of files; times are compared only if one machine took them."""
    found = []
    for name in OF_FILES:
        if figure := _figure(now, name):
            was = _figure(before, name) if before else None
            found.append(compared(figure, was, OTHER_MACHINE if not same_machine else ""))
    for figure in now.metrics:
        if figure.name.endswith(RETENTION):
            found.append(compared(figure, before.figure(figure.name) if before else None))
    return tuple(found)


def _figure(files: Shipped, name: str) -> Figure | None:
    """A figure of the files; their size is read off their record, whoever measured it."""
    if name != SIZE:
        return files.figure(name)
    return Figure(
        name=SIZE,
        value=files.megabytes,
        n=len(files.files),
        interval=None,
        unit="files",
        protocol="bytes of all files",
    )


def compared(now: Figure, before: Figure | None, other_machine: str = "") -> Compared:
    """A figure against what it was."""
    why = ""
    if before and before.protocol != now.protocol:
        why = OTHER_PROTOCOL
    elif before and now.name in TIMED:
        why = other_machine
    was = None if why else before
    return Compared(
        name=now.name,
        unit=now.unit,
        value=now.value,
        n=now.n,
        interval=now.interval,
        before=was.value if was else None,
        before_interval=was.interval if was else None,
        standing="apart" if why else _standing(now, was),
        why=why,
    )


def _standing(now: Figure, before: Figure | None) -> Standing:
    if before is None:
        return "new"
    if now.value == before.value:
        return "same"
    if before.interval:
        low, high = before.interval
    else:
        room = abs(before.value) * NOTABLE.get(now.name, 0.0)
        low, high = before.value - room, before.value + room
    if low <= now.value <= high:
        return "within"
    rose = now.value > before.value
    return "better" if rose == higher_is_better(now.name) else "worse"


def higher_is_better(name: str) -> bool:
    """Of tasks, whose figures rise or fall as they will, retention alone is compared."""
    return name in HIGHER_IS_BETTER or name.endswith(RETENTION)


def bounds(tier: Member, before: Member | None) -> Iterator[Bound]:
    """The bounds of a tier's gate against those that it had."""
    was = {one.bound: one for one in _verdicts(before)}
    for one in _verdicts(tier):
        earlier = was.get(one.bound)
        yield Bound(
            tier=tier.tier,
            verdict=one,
            before=earlier.limit if earlier else None,
            eased=earlier is not None and _eased(one, earlier),
        )


def dropped(tier: Member, before: Member) -> Iterator[Verdict]:
    """The bounds that a tier's gate no longer has."""
    there = {one.bound for one in _verdicts(tier)}
    yield from (one for one in _verdicts(before) if one.bound not in there)


def _verdicts(tier: Member | None) -> Sequence[Verdict]:
    return tier.gate.verdicts if tier and tier.gate else ()


def _eased(now: Verdict, before: Verdict) -> bool:
    if now.bound.endswith("at least"):
        return now.limit < before.limit
    return now.limit > before.limit
