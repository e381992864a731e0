"""What a build says when it is through: the scorecard, the notes, the map."""

from family.store import Store


def publish(store: Store, family: str) -> None:
    """Leave the family's reports with its runs, and as files in the store."""
