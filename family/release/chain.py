"""All that an artifact was made from, in order: from what the user brought down to itself.

A key is the digest of a recipe, and a recipe holds the keys of its inputs: so a key vouches for
every recipe above it, and what is left to check of each artifact is its files.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from graphlib import TopologicalSorter

from family.spec import DATA
from family.stage import digest_json
from family.store import MANIFEST, Manifest, Store

#: Inputs, by stage and name, that are no artifacts but digests of what the user brought; a test
#: holds them to the plan.
LEAVES = frozenset({("flagship", "weights"), *((name, "file") for name in DATA)})


@dataclass(frozen=True)
class Leaf:
    """What the user brought: the store has its digest alone."""

    stage: str
    input: str
    digest: str


@dataclass(frozen=True)
class Link:
    """One artifact, or `fault`: why nothing can be said of it."""

    key: str
    manifest: Manifest | None
    fault: str | None = None

    @property
    def above(self) -> frozenset[str]:
        """The keys of the artifacts that it was made from."""
        leaves = {leaf.digest for leaf in self.leaves}
        return frozenset(self._inputs.values()) - leaves

    @property
    def leaves(self) -> tuple[Leaf, ...]:
        """What of its inputs the user brought."""
        stage = self.manifest.recipe["stage"] if self.manifest else ""
        return tuple(
            Leaf(stage, name, digest)
            for name, digest in sorted(self._inputs.items())
            if (stage, name) in LEAVES
        )

    @property
    def _inputs(self) -> dict[str, str]:
        return self.manifest.recipe["inputs"] if self.manifest else {}


def chain(store: Store, keys: Iterable[str]) -> list[Link]:
    """The artifacts of `keys` and all that they were made from, each after what it was made from.

    Above an artifact whose manifest cannot be believed there is nothing."""
    links: dict[str, Link] = {}
    waiting = set(keys)
    while waiting:
        links |= {key: _link(store, key) for key in waiting}
        waiting = {above for key in waiting for above in links[key].above} - links.keys()
    order = TopologicalSorter({key: sorted(links[key].above) for key in sorted(links)})
    return [links[key] for key in order.static_order()]


def _link(store: Store, key: str) -> Link:
    manifest = store.manifest(key)
    if manifest is None:
        folder = store.folder(key)
        if not folder.is_dir():
            return Link(key, None, "is not in the store")
        if not (folder / MANIFEST).exists():
            return Link(key, None, f"has lost {MANIFEST}")
        return Link(key, None, f"has a {MANIFEST} that cannot be read")
    found = digest_json(manifest.recipe)
    if found != key:
        return Link(key, None, f"has a recipe of digest {found}, expected its key {key}")
    if manifest.key != key:
        return Link(key, None, f"has a {MANIFEST} that says it is {manifest.key}")
    return Link(key, manifest)
