"""Keeping up with a store that others share: what they made and decided comes into the index."""

from collections.abc import Iterator
from contextlib import suppress
from pathlib import PurePosixPath

from family import locks
from family.errors import StoreError
from family.lineage.record import record_aside, record_ledger, reindex, set_heads
from family.lineage.views import Reindexed
from family.store import Store
from family.whole import write_whole


def follow(store: Store) -> None:
    """Bring along the records that others left since, if the store is shared. No large files."""
    if store.shared is None:
        return
    with locks.following(store.root) as unfinished:
        brought = store.shared.bring()
        moved = list(_take(store, brought.heads))
        if unfinished:  # what was brought then may be missing from the index
            reindex(store)
            return
        if brought.manifests:
            record_aside(store, *brought.manifests)
        if brought.ledger:
            record_ledger(store)
        for family in moved:
            set_heads(store, family)


def rebuilt(store: Store, *, take_over: bool = False) -> Reindexed:
    """Rebuild the whole index, from what others left too if the store is shared."""
    if store.shared is None:
        return reindex(store, take_over=take_over)
    with locks.following(store.root):
        list(_take(store, store.shared.bring().heads))
        return reindex(store, take_over=take_over)


def _take(store: Store, heads: dict[str, bytes]) -> Iterator[str]:
    """Take over what families have now, where it is something else here; the families' names.

    Not of a family that is being built here: the build moves it, at the URL too."""
    for name, content in heads.items():
        path, family = store.root / name, PurePosixPath(name).stem
        if path.exists() and path.read_bytes() == content:
            continue
        with suppress(StoreError), store.lock(family, wait=False):
            write_whole(path, content)
            yield family
