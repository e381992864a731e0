"""Which number a change may have. Versions are semantic (https://semver.org, 2.0.0)."""

from collections.abc import Iterable
from typing import Literal

from semver import Version

from family.errors import ReleaseError
from family.ledger import Change
from family.lineage.queries import Lineage
from family.lineage.views import Status

Part = Literal["major", "minor", "patch"]
FIRST = "0.1.0"
RANK: dict[str, int] = {"patch": 0, "minor": 1, "major": 2}


def parse(version: str) -> Version:
    """A version in three numbers; ReleaseError if it is none."""
    try:
        return Version.parse(version)
    except ValueError:
        raise ReleaseError(
            f"{version} is no semantic version. It needs three numbers, as 1.2.0 has, and may end "
            f"in a mark such as -rc.1."
        ) from None


def previous(version: str, there: Iterable[str]) -> str | None:
    """The highest of the versions `there` that is below `version`."""
    below = [one for one in there if Version.parse(one) < parse(version)]
    return max(below, key=Version.parse, default=None)


def change(family: str, version: str, previous: str | None) -> Change:
    """What a version says about itself, against the one before."""
    if previous is None:
        return "first"
    now, before = parse(version), Version.parse(previous)
    if now.major > before.major:
        return "major"
    if now.minor > before.minor:
        return "minor"
    if now.patch > before.patch or before.prerelease:
        return "patch"
    raise ReleaseError(f"{family} {version} is not above {previous}.")  # build marks alone


def check(family: str, version: str, before: Status, after: Status) -> None:
    """ReleaseError if `version` makes less of a change than it is.

    What users relied on is gone: a major version. There is something new, or all of it descends
    from another flagship: at least a minor one. Anything may be called more than it is."""
    assert before.version
    said = change(family, version, before.version)
    last = Version.parse(before.version)
    for reason, needed in _changes(before, after):
        part = _part(last, needed)
        if RANK[said] < RANK[part]:
            number = getattr(last, f"bump_{part}")()
            raise ReleaseError(
                f"{family} {version} would be a {said} version after {before.version}, but "
                f"{reason}. Call it {number}, or higher."
            )


def following(lineage: Lineage, family: str) -> str:
    """The lowest version that says enough about what the family has now."""
    releases = lineage.releases(family)
    if not releases:
        return FIRST
    last = Version.parse(releases[0].version)
    if last.prerelease:
        return str(last.finalize_version())
    before, now = lineage.status(family, releases[0].version), lineage.status(family)
    needed = [_part(last, part) for _, part in _changes(before, now)]
    part = max(needed, key=lambda part: RANK[part], default="patch")
    return str(getattr(last, f"bump_{part}")())


def _part(before: Version, needed: Part) -> Part:
    """What a change needs after `before`: below 1.0.0 a minor version may break what it likes, as
    semantic versioning has it."""
    return "minor" if before.major == 0 and needed == "major" else needed


def _changes(before: Status, after: Status) -> Iterable[tuple[str, Part]]:
    """What users would notice, and the least that a version must say of it."""
    old, new = _parts(before), _parts(after)
    for name in old:
        if name not in new:
            yield f"{name} is gone", "major"
    if before.flagship and after.flagship and before.flagship.model != after.flagship.model:
        yield (
            f"the flagship changed ({before.flagship.title} {before.flagship.model[:8]} → "
            f"{after.flagship.title} {after.flagship.model[:8]})",
            "minor",
        )
    for name in new:
        if name not in old:
            yield f"{name} is new", "minor"


def _parts(status: Status) -> list[str]:
    """Every tier, then every precision of each."""
    tiers = [f"the tier {tier.tier}" for tier in status.tiers]
    return tiers + [f"{tier.tier}/{file.precision}" for tier in status.tiers for file in tier.files]
