"""Many processes write one index at once, and nothing is lost."""

import multiprocessing
from collections.abc import Callable

import pytest
from sqlalchemy import Connection, insert, select

from family.lineage import tables
from family.lineage.database import reading, writing
from family.lineage.record import record, reindex
from family.store import Store
from tests.family.lineage.hand_built import Family, add_flagship, add_tier

pytestmark = pytest.mark.both

WRITERS = 20
#: Warm processes, so that they all write at the same time.
PROCESSES = multiprocessing.get_context("fork")


def test_twenty_writers_at_once_lose_nothing(store: Store) -> None:
    shared = Family(store)
    add_flagship(shared)
    _run(_build_a_tier, store, shared)

    with reading(store) as connection:
        grown = _rows(connection)
        heads = connection.execute(select(tables.heads)).all()
    store.set_head("toy", {f"{row.tier}/{row.step}": row.key for row in heads})
    found = reindex(store)
    with reading(store) as connection:
        assert _rows(connection) == grown
    assert found.models == 1 + 5 * WRITERS
    assert len(grown["heads"]) == 4 + 8 * WRITERS


def test_what_twenty_writers_read_still_holds_when_they_write(store: Store) -> None:
    _run(_number_a_decision, store, Family(store))
    with reading(store) as connection:
        numbers = connection.scalars(select(tables.decisions.c.number)).all()
    assert sorted(numbers) == list(range(1, 3 * WRITERS + 1))


def _build_a_tier(family: Family, place: int) -> None:
    add_tier(family, f"tier{place}", 1_000_000 * (place + 1), 0.7)
    for step in ("distill", "gate"):  # and once more, as a build that reuses them
        key = family.heads[f"tier{place}/{step}"]
        record(family.store, family.kept[key], family.name, f"tier{place}", step)


def _number_a_decision(family: Family, place: int) -> None:
    for _ in range(3):
        with writing(family.store) as connection:
            taken = connection.scalars(select(tables.decisions.c.number)).all()
            row = {"family": "toy", "number": max(taken, default=0) + 1, "kind": "approve"}
            said = {"version": "1.0.0", "by": f"writer {place}", "reason": "", "at": "now"}
            connection.execute(insert(tables.decisions), {**row, **said})


def _run(work: Callable[[Family, int], None], store: Store, family: Family) -> None:
    """Let twenty processes begin together; each has to end well."""
    together = PROCESSES.Barrier(WRITERS)

    def alone(place: int) -> None:
        together.wait(60)
        work(Family(Store(store.root), family.name, dict(family.heads), dict(family.kept)), place)

    writers = [PROCESSES.Process(target=alone, args=(place,)) for place in range(WRITERS)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(120)
    assert [writer.exitcode for writer in writers] == [0] * WRITERS


def _rows(connection: Connection) -> dict[str, list[str]]:
    return {
        table.name: sorted(repr(row) for row in connection.execute(select(table)))
        for table in tables.metadata.sorted_tables
    }
