"""What the reading commands begin with."""

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from family.lineage.queries import Lineage


def lineage(root: Path) -> "Lineage":
    """The lineage of the store at `root`; StoreError if there is none."""
    from family.lineage.queries import Lineage
    from family.store import Store

    return Lineage(Store.existing(root))
