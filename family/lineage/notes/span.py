"""From where to where notes tell: which two states of a family a range means."""

from semver import Version

from family.errors import DescentError
from family.lineage.queries import Lineage
from family.lineage.views import Status

BETWEEN = ".."


def span(
    lineage: Lineage, family: str | None = None, text: str | None = None
) -> tuple[Status, Status | None]:
    """The family after and before, from what was asked for.

    `1.0.0..1.1.0` and `production..candidate` say both ends; `1.0.0..` ends at the family as it
    is now; `1.1.0` begins at the release that it was compared with when it was made; nothing is
    the family now, against its highest release. `before` is None where there is none.

    Where one word was given, it may be the range: a store of one family needs no name."""
    if family and not text and _is_range(lineage, family):
        family, text = None, family
    if not text:
        after = lineage.status(family)
        return after, previous(lineage, after)
    if BETWEEN not in text:
        after = lineage.status(family, text)
        return after, previous(lineage, after)
    first, _, last = text.partition(BETWEEN)
    if not first:
        raise DescentError(
            f"{text} does not say where it begins. Write both ends, as in 1.0.0..1.1.0, or the "
            f"last alone: its record says what it is compared with."
        )
    return lineage.status(family, last or None), lineage.status(family, first)


def previous(lineage: Lineage, after: Status) -> Status | None:
    """What a family is compared with if nobody says: for a release the one that its record names,
    for the family as it is now its highest release."""
    if after.version:
        version = lineage.release(after.family, after.version).previous
    else:
        version = next((one.version for one in lineage.releases(after.family)), None)
    return lineage.status(after.family, version) if version else None


def _is_range(lineage: Lineage, word: str) -> bool:
    """Whether a word that may be a family's name or a range is a range."""
    families = lineage.families()
    if word in families:
        return False
    if BETWEEN in word or Version.is_valid(word):
        return True
    return len(families) == 1 and any(word in one.aliases for one in lineage.releases())
