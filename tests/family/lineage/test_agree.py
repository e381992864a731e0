"""A store and an index that differ: the store is right, and every answer says so."""

import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner

from family.errors import StoreError
from family.lineage.database import reading, writing
from family.lineage.queries import Lineage
from family.lineage.record import reindex
from family.lineage.views import Status
from family.store import Store
from flows.cli.main import cli
from tests.family.lineage.hand_built import Family, add_flagship, add_release, add_tier

pytestmark = pytest.mark.both


def forget(store: Store, statement: str) -> None:
    with writing(store) as connection:
        connection.exec_driver_sql(statement)


def test_an_artifact_that_the_index_does_not_know_is_told_and_mended(family: Family) -> None:
    before = Lineage(family.store).status("toy")
    key = family.heads["nano/distill"]
    forget(family.store, f"DELETE FROM builds WHERE key = '{key}'")
    with pytest.raises(
        StoreError,
        match=rf"^toy/nano: .*/store has its artifact {key[:16]}, and the index does not know it\. "
        r"The store is right where the two differ\. Run: descent lineage reindex$",
    ):
        Lineage(family.store).status("toy")

    reindex(family.store)

    assert Lineage(family.store).status("toy") == before


def test_an_index_that_was_brought_back_from_before_a_build_is_told(family: Family) -> None:
    old = family.heads["nano/distill"]
    new = add_tier_again(family)
    forget(family.store, f"DELETE FROM builds WHERE key = '{new}'")
    forget(family.store, f"UPDATE heads SET key = '{old}' WHERE key = '{new}'")
    with pytest.raises(StoreError, match=r"the index does not know it\. The store is right"):
        Lineage(family.store).status("toy")


def test_a_family_that_the_index_does_not_know_is_told(family: Family) -> None:
    forget(family.store, "DELETE FROM builds")
    forget(family.store, "DELETE FROM heads")
    for name in (None, "toy"):
        with pytest.raises(StoreError, match=r"the index does not know it\. The store is right"):
            Lineage(family.store).status(name)


def test_an_artifact_that_the_store_lacks_is_told_and_forgotten(family: Family) -> None:
    key = family.heads["edge/export:int4"]
    shutil.rmtree(family.store.folder(key))
    lineage = Lineage(family.store)
    gone = (
        rf"^{{}}: .*/store no longer has its artifact {key[:16]}\. Make it again with `descent "
        r"build CONFIG`, or bring it back from a backup\. Or have the index forget it, since the "
        r"store is right where the two differ: descent lineage reindex$"
    )
    with pytest.raises(StoreError, match=gone.format("toy/edge/int4")):
        lineage.status("toy")
    with pytest.raises(StoreError, match=gone.format("edge/int4")):
        lineage.resolve("edge/int4")
    with pytest.raises(StoreError, match=gone.format(key[:12])):
        lineage.show(key[:12])
    assert lineage.ancestors("edge/int4")  # where it came from is known all the same

    reindex(family.store)

    with pytest.raises(
        StoreError, match=r"^toy/edge/int4: .* no longer has .* back from a backup\.$"
    ):
        lineage.status("toy")


def test_a_release_whose_artifact_is_gone_is_told(family: Family) -> None:
    add_release(family, "1.0.0", "production")
    key = family.heads["mini/distill"]
    add_tier_again(family, "mini")
    shutil.rmtree(family.store.folder(key))
    lineage = Lineage(family.store)
    assert isinstance(lineage.status("toy"), Status)
    with pytest.raises(StoreError, match=rf"^toy/mini: .* no longer has its artifact {key[:16]}"):
        lineage.status("toy", "production")


def test_an_index_that_is_new_to_a_store_knows_all_of_it_before_the_next_build(
    family: Family, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = family.heads["nano/distill"]
    add_tier_again(family)
    monkeypatch.setenv("DESCENT_LINEAGE_URL", f"sqlite:///{tmp_path / 'new.db'}")

    family.note("nano", "distill", family.heads["nano/distill"])  # a build that reuses

    assert Lineage(family.store).show(old).key == old


# ---- an index that two stores would share --------------------------------------------------


def test_the_index_of_one_store_is_refused_to_another(
    family: Family, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with reading(family.store) as connection:
        monkeypatch.setenv("DESCENT_LINEAGE_URL", connection.engine.url.render_as_string(False))
    before = Lineage(family.store).status("toy")
    other = Store(tmp_path / "other")
    refused = (
        r": this is the lineage index of another store, .*/store, and not of .*/other\. Give each "
        r"store a database of its own in DESCENT_LINEAGE_URL, or leave it out\. If that store is "
        r"gone for good: descent lineage reindex --take-over$"
    )
    with pytest.raises(StoreError, match=refused):
        add_flagship(Family(other, "theirs"))
    with pytest.raises(StoreError, match=refused):
        reindex(other)
    assert Lineage(family.store).status("toy") == before

    done = CliRunner().invoke(
        cli, ["lineage", "reindex", "--take-over", "--store", str(other.root)]
    )

    assert " 1 artifacts, " in done.output  # sealed before it was refused
    with pytest.raises(StoreError, match=r"index of another store, .*/other, and not of .*/store"):
        Lineage(family.store).status("toy")


def test_one_store_seen_from_two_places_shares_its_index(
    family: Family, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with reading(family.store) as connection:
        monkeypatch.setenv("DESCENT_LINEAGE_URL", connection.engine.url.render_as_string(False))
    (tmp_path / "mounted").symlink_to(family.store.root)
    assert Lineage(Store(tmp_path / "mounted")).families() == ["toy"]


def add_tier_again(family: Family, tier: str = "nano") -> str:
    """Rebuild a tier; the key of its new model."""
    parent = "/flagship" if tier == "mini" else "mini/distill"
    add_tier(family, tier, 30_000_000, 0.7, parent=parent, turn=" again")
    family.end()
    return family.heads[f"{tier}/distill"]
