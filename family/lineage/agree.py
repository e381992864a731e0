"""Whether index and store agree. Where they do not, the store is right."""

from sqlalchemy import Connection, select

from family.errors import StoreError
from family.lineage.names import ID, places_of
from family.lineage.record import model_name
from family.lineage.tables import builds
from family.store import MANIFEST, Store


def agree_on(connection: Connection, store: Store, family: str, version: str | None = None) -> None:
    """StoreError unless both have all artifacts that a family has now, or had in a release."""
    places = places_of(version)
    rows = connection.execute(
        select(places.c.tier, places.c.step, places.c.key).where(places.c.family == family)
    )
    held = [(f"{row.tier}/{row.step}", row.key) for row in rows]
    if version is None:
        held += store.head(family).items()
    keys = {key for _, key in held}
    known = set(connection.scalars(select(builds.c.key).where(builds.c.key.in_(keys))))
    for place, key in held:
        agree(store, model_name(family, *place.split("/", 1)), key, indexed=key in known)


def agree(store: Store, name: str, key: str, *, indexed: bool) -> None:
    """StoreError, with how to mend it, unless index and store both have the artifact `key`."""
    sealed = (store.folder(key) / MANIFEST).is_file()
    if sealed and not indexed:
        raise StoreError(
            f"{name}: {store.root} has its artifact {key[:ID]}, and the index does not know it. "
            f"The store is right where the two differ. Run: descent lineage reindex"
        )
    if not sealed:
        forget = (
            ". Or have the index forget it, since the store is right where the two differ: "
            "descent lineage reindex"
        )
        raise StoreError(
            f"{name}: {store.root} no longer has its artifact {key[:ID]}. Make it again with "
            f"`descent build CONFIG`, or bring it back from a backup{forget if indexed else '.'}"
        )
