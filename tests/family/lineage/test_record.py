"""Writing the index, on real SQLite and a real PostgreSQL."""

import time
from typing import Any

import pytest
from sqlalchemy import select

from family.lineage import tables
from family.lineage.database import reading
from family.lineage.record import model_name, record, reindex, set_heads
from family.stage import Outcome
from family.store import Store
from tests.family.lineage.hand_built import Family, add_family, add_flagship, add_release, add_tier

pytestmark = pytest.mark.both


def contents(store: Store) -> dict[str, list[dict[str, Any]]]:
    with reading(store) as connection:
        return {
            table.name: sorted(
                (dict(row) for row in connection.execute(select(table)).mappings()), key=repr
            )
            for table in tables.metadata.sorted_tables
        }


def test_rebuilding_the_index_from_the_store_gives_the_same_rows(family: Family) -> None:
    add_release(family, "1.0.0", "candidate")
    add_tier(family, "nano", 30_000_000, 0.7, parent="mini/distill", turn=" again")
    family.end()
    add_release(family, "1.1.0", "candidate", "production", previous="1.0.0")
    grown = contents(family.store)
    assert all(grown.values())

    found = reindex(family.store)

    assert contents(family.store) == grown
    assert found.families == ("toy",)
    counts = found.artifacts, found.models, found.edges
    assert counts == tuple(len(grown[name]) for name in ("builds", "models", "edges"))


def test_recording_again_changes_nothing_and_is_quick(family: Family) -> None:
    before = contents(family.store)
    key = family.heads["nano/distill"]
    times = []
    for _ in range(20):
        clock = time.process_time()
        record(family.store, family.kept[key], "toy", "nano", "distill")
        times.append(time.process_time() - clock)
    assert min(times) < 0.010  # of the processor: a busy machine proves nothing
    assert contents(family.store) == before


def test_an_artifact_that_was_built_again_takes_the_place_of_its_rows(family: Family) -> None:
    sealed = family.kept[family.heads["nano/verify"]]
    origin = sealed.origin.model_copy(update={"prefect_run_id": "another", "seconds": 9.0})
    again = sealed.model_copy(update={"origin": origin})

    record(family.store, again, "toy", "nano", "verify")

    rows = contents(family.store)
    assert [row["seconds"] for row in rows["builds"] if row["key"] == sealed.key] == [9.0]
    figures = [row for row in rows["metrics"] if row["source"] == sealed.key]
    assert len(figures) == len(sealed.outcome.metrics)


def test_one_artifact_may_serve_two_tiers_and_two_families(family: Family) -> None:
    other = Family(family.store, "other", kept=family.kept)
    other.note("small", "distill", family.heads["nano/distill"])
    family.note("twin", "distill", family.heads["nano/distill"])

    rows = contents(family.store)
    heads = [(row["family"], row["tier"]) for row in rows["heads"] if row["step"] == "distill"]
    assert {("toy", "nano"), ("toy", "twin"), ("other", "small")} <= set(heads)
    assert sum(row["key"] == family.heads["nano/distill"] for row in rows["models"]) == 1


def test_a_tier_that_left_the_family_leaves_the_heads(family: Family) -> None:
    kept = {place: key for place, key in family.heads.items() if not place.startswith("edge/")}
    family.store.set_head("toy", kept)

    set_heads(family.store, "toy")

    rows = contents(family.store)
    assert {row["tier"] for row in rows["heads"]} == {"", "mini", "nano"}
    assert any(row["name"] == "toy/edge" for row in rows["models"])


def test_files_are_those_of_models_and_leave_the_outcome_out(family: Family) -> None:
    rows = contents(family.store)
    key = family.heads["nano/export:int4"]
    paths = [row["path"] for row in rows["files"] if row["model"] == key]
    assert sorted(paths) == [
        f"artifacts/{key}/{name}" for name in ("model.onnx", "model.onnx.data", "tokenizer.json")
    ]
    assert family.heads["/corpus"] not in {row["model"] for row in rows["files"]}


def test_a_build_of_another_digest_replaces_the_old_one(store: Store) -> None:
    family = Family(store)
    add_flagship(family)
    family.seal("", "corpus", Outcome(facts={"tokens": 7}), flagship="/flagship")

    rows = contents(store)
    assert [row["facts"] for row in rows["builds"] if row["step"] == "corpus"] == [{"tokens": 7}]


def test_two_families_in_one_store_rebuild_alike(store: Store) -> None:
    add_family(Family(store))
    other = Family(store, "other")
    add_flagship(other)
    add_tier(other, "small", 20_000_000, 0.6)
    other.end()
    # The flagship is one artifact, and the first who built it gives it its name: sealing it
    # once more, as this test's second family did, is a build of its own.
    grown = contents(store)

    reindex(store)

    assert contents(store) == grown


def test_models_are_called_by_their_place() -> None:
    assert model_name("toy", "", "flagship") == "toy/flagship"
    assert model_name("toy", "nano", "distill") == "toy/nano"
    assert model_name("toy", "nano", "start") == "toy/nano/start"
    assert model_name("toy", "nano", "export:int4") == "toy/nano/int4"
