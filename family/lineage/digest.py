"""One digest for all that a model came from."""

import hashlib
from collections.abc import Iterable, Iterator
from typing import Any, get_args

from sqlalchemy import Connection, Row, select

from family.lineage.names import parts
from family.lineage.read import line
from family.lineage.tables import builds, datasets
from family.stage import DatasetFacts

#: Kinds of data in the order in which they come to be.
KINDS = get_args(DatasetFacts.model_fields["kind"].annotation)


def lineage_digest(connection: Connection, key: str) -> str:
    """SHA-256 (hex) over a model's whole chain: one line for each artifact and for each edge.

    The lines are `artifact <key> <digest>` for the model, every model above it and all data that
    any of them was taught with, and `edge <child> <kind> <parent>`; sorted, each ended by a line
    feed. A digest is that of the artifact's files, `Manifest.digest`, its outcome.json included,
    so that details of the edges and figures of the training are covered too. An artifact that the
    index no longer knows has `-` for a digest.
    """
    edges = line(connection, key, "up")
    keys = {key, *(row["parent"] for row in edges)}
    keys |= {row.key for row in data_above(connection, keys)}
    known = {row.key: row.digest for row in builds_of(connection, keys)}
    lines = {f"artifact {one} {known.get(one, '-')}\n" for one in keys}
    lines |= {f"edge {row['child']} {row['kind']} {row['parent']}\n" for row in edges}
    return hashlib.sha256("".join(sorted(lines)).encode()).hexdigest()


def data_above(connection: Connection, keys: Iterable[str]) -> list[Row[tuple[str]]]:
    """The data sets that went into artifacts, straight or through others; prompts first."""
    found = [
        row
        for some in parts(sorted(builds_above(connection, keys)))
        for row in connection.execute(select(datasets).where(datasets.c.key.in_(some)))
    ]
    return sorted(found, key=lambda row: (KINDS.index(row.kind), row.key))


def builds_above(connection: Connection, keys: Iterable[str]) -> dict[str, Row[Any]]:
    """The builds of some artifacts and of all that went into them, by their recipes; by key."""
    found: dict[str, Row[Any]] = {}
    waiting = set(keys)
    while waiting:
        new = {row.key: row for row in builds_of(connection, waiting)}
        found |= new
        above = {key for row in new.values() for key in row.recipe["inputs"].values()}
        waiting = above - found.keys()
    return found


def builds_of(connection: Connection, keys: Iterable[str]) -> Iterator[Row[tuple[str]]]:
    """The rows of builds for those of `keys` that are there."""
    for some in parts(keys):
        yield from connection.execute(select(builds).where(builds.c.key.in_(some)))
