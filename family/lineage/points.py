"""What the map shows: every set of files by size, speed and quality, and who it came from."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from family.drawing.scene import INK, TIERS
from family.lineage.views import Figure, Member, Shipped, Status
from family.stage import OUTPUTS


@dataclass(frozen=True)
class Point:
    """One set of files: how large, how fast and how good."""

    member: str
    precision: str
    name: str
    model: str
    release: str | None
    """The earlier release that it is of; null for what the family is now."""
    megabytes: float
    milliseconds: float | None
    """To decode one token, or to label one row; null if that was not measured as the others were.
    """
    retention: float
    interval: tuple[float, float]


#: What files are judged by, the better the higher or the lower; and their speed, as milliseconds.
QUALITY: Mapping[str, Callable[[float, float], float]] = {
    "bits_per_byte": lambda best, value: best / value,
    "accuracy": lambda best, value: value / best,
}
SPEED: Mapping[str, Callable[[float], float]] = {
    "decode_tokens_per_second": lambda rate: 1000 / rate,
    "ms_per_row": lambda milliseconds: milliseconds,
}


def judged_by(status: Status) -> Figure | None:
    """The flagship's own figure, which the quality of files is held against."""
    found = (status.flagship.figure(name) for name in QUALITY) if status.flagship else ()
    return next(filter(None, found), None)


def points(status: Status, earlier: Sequence[Status] = ()) -> list[Point]:
    """Every set of files that was scored by the protocol of the flagship's own score.

    The flagship goes first, and `earlier` releases go last, without what is still the same.
    Quality is retention, the present flagship's bits per byte over the files', or their accuracy
    over its: each counts by what was measured on itself, not on the checkpoint that it was
    exported from.
    """
    best = judged_by(status)
    if not best:
        return []
    speeds = [_speed(file) for tier in status.tiers for file in tier.files]
    speed = next((figure for figure in speeds if figure), None)
    found = list(_points(status, None, best, speed))
    for release in earlier:
        now = {point.model for point in found}
        found += [
            point
            for point in _points(release, release.version, best, speed)
            if point.model not in now
        ]
    return found


def _points(
    status: Status, release: str | None, best: Figure, speed: Figure | None
) -> Iterator[Point]:
    for member in status.members:
        for file in member.files:
            quality, pace = file.figure(best.name), _speed(file)
            if not quality or quality.protocol != best.protocol:
                continue
            retention = partial(QUALITY[best.name], best.value)
            low, high = sorted(map(retention, quality.interval or (quality.value,) * 2))
            paced = pace and speed and pace.protocol == speed.protocol
            yield Point(
                member=member.tier,
                precision=file.precision,
                name=file.name,
                model=file.model,
                release=release,
                megabytes=file.megabytes,
                milliseconds=SPEED[pace.name](pace.value) if pace and paced else None,
                retention=retention(quality.value),
                # What all are measured against is 1 by definition.
                interval=(1.0, 1.0) if quality == best else (low, high),
            )


def _speed(file: Shipped) -> Figure | None:
    return next(filter(None, map(file.figure, SPEED)), None)


def colours(status: Status) -> dict[str, str]:
    """The colour of each member: the flagship's is ink."""
    tiers = {tier.tier: TIERS[at % len(TIERS)] for at, tier in enumerate(status.tiers)}
    return {member.tier: INK for member in status.members} | tiers


def origins(tier: Member, status: Status) -> list[tuple[str, bool]]:
    """The members that a tier came from, and whether it was taught by them; weights go first."""
    members = {member.name: member.tier for member in status.members}
    found = {
        (members[parent.name], parent.kind in OUTPUTS)
        for parent in tier.parents
        if parent.name in members and parent.kind != "data_generated_by"
    }
    return sorted(found, key=lambda one: (one[1], one[0]))
