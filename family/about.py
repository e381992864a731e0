"""What people say about a family, as a record of its own."""

from collections.abc import Mapping
from pathlib import Path

from family.spec import About
from family.stage import Outcome


def about(inputs: Mapping[str, Path], settings: About, out: Path) -> Outcome:
    """Keep the words as facts."""
    tiers = ",".join(settings.tiers)
    data = {
        f"{what}_{name}": text
        for what, words in settings.data.items()
        for name, text in words.items()
    }
    words = {"description": settings.description, "tiers": tiers}
    return Outcome(facts={**words, **settings.flagship, **data})
