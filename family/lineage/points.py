"""What the map shows: every set of files by size, speed and quality, and who it came from."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from family.drawing.scene import INK, TIERS
from family.lineage.scorecard import SPEED
from family.lineage.views import Figure, Member, Status
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
    """To decode one token; null if that was not measured as the others were."""
    retention: float
    interval: tuple[float, float]


def points(status: Status, earlier: Sequence[Status] = ()) -> list[Point]:
    """Every set of files that was scored by the protocol of the flagship's own score.

    The flagship goes first, and `earlier` releases go last, without what is still the same.
    Quality is retention, the present flagship's bits per byte over the files': each counts by what
    was measured on itself, not on the checkpoint that it was exported from.
    """
    best = status.flagship.figure("bits_per_byte") if status.flagship else None
    if not best:
        return []
    speeds = [file.figure(SPEED) for tier in status.tiers for file in tier.files]
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
            bits, pace = file.figure("bits_per_byte"), file.figure(SPEED)
            if not bits or bits.protocol != best.protocol:
                continue
            low, high = bits.interval or (bits.value, bits.value)
            paced = pace and speed and pace.protocol == speed.protocol
            yield Point(
                member=member.tier,
                precision=file.precision,
                name=file.name,
                model=file.model,
                release=release,
                megabytes=file.megabytes,
                milliseconds=1000 / pace.value if pace and paced else None,
                retention=best.value / bits.value,
                # What all are measured against is 1 by definition.
                interval=(1.0, 1.0) if bits == best else (best.value / high, best.value / low),
            )


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
