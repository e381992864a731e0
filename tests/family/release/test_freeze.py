"""Taking what a family has now as a release."""

import json
import multiprocessing
from pathlib import Path

import pytest

from family import ledger
from family.errors import NotFoundError, ReleaseError, StoreError
from family.lineage.queries import Lineage
from family.lineage.record import reindex
from family.release import freeze
from family.release.freeze import release
from family.stage import Outcome
from family.store import Store, sha256
from tests.family.lineage.hand_built import Family, add_tier


def folder(family: Family, version: str = "1.0.0") -> Path:
    return ledger.release_folder(family.store, "toy", version)


def test_a_release_holds_what_the_family_had_when_it_was_made(family: Family) -> None:
    lineage = Lineage(family.store)
    then = lineage.status("toy")
    release(family.store, "toy", "1.0.0", by="Ada")

    add_tier(family, "edge", 14_000_000, 0.70, parent="nano/distill", turn=" again")
    family.end()

    assert lineage.status("toy").tiers[2].parameters == 14_000_000
    held = lineage.status("toy", "1.0.0")
    assert held.version == "1.0.0"
    assert [tier.model for tier in held.tiers] == [tier.model for tier in then.tiers]
    assert [tier.metrics for tier in held.tiers] == [tier.metrics for tier in then.tiers]


def test_models_are_named_at_a_version_and_at_an_alias(family: Family) -> None:
    lineage = Lineage(family.store)
    then = lineage.resolve("edge/int4").key
    release(family.store, "toy", "1.0.0", by="Ada")
    add_tier(family, "edge", 14_000_000, 0.70, parent="nano/distill", turn=" again")
    family.end()

    assert lineage.resolve("edge/int4").key != then
    for name in ("toy/edge/int4@1.0.0", "edge/int4@1.0.0", "edge/int4@candidate"):
        assert lineage.resolve(name).key == then
    with pytest.raises(NotFoundError, match=r"edge/int4@1\.1\.0: there is no such model"):
        lineage.resolve("edge/int4@1.1.0")


def test_a_new_release_is_the_candidate(family: Family) -> None:
    release(family.store, "toy", "1.0.0", by="Ada", note="The first.")
    made = Lineage(family.store).release("toy", "candidate")
    assert (made.version, made.change, made.previous) == ("1.0.0", "first", None)
    assert (made.by, made.note, made.approved) == ("Ada", "The first.", None)


def test_what_is_published_is_listed_with_its_digests(family: Family) -> None:
    made = release(family.store, "toy", "1.0.0", by="Ada")
    assert "edge/int4/model.onnx.data" in made.published
    for name, digest in made.published.items():
        assert sha256(folder(family) / name) == digest
    assert json.loads((folder(family) / ledger.RELEASE).read_text())["version"] == "1.0.0"


def test_publishing_takes_no_room_for_what_the_store_has(family: Family) -> None:
    release(family.store, "toy", "1.0.0", by="Ada")
    key = Lineage(family.store).resolve("edge/int4").key
    published = folder(family) / "edge/int4/model.onnx.data"
    assert published.samefile(family.store.folder(key) / "model.onnx.data")


def test_a_tier_that_missed_its_gate_keeps_the_whole_family_back(family: Family) -> None:
    add_tier(family, "nano", 29_000_000, 0.5, parent="mini/distill", passes=False)
    family.end()
    with pytest.raises(ReleaseError, match=r"nano missed its gate: agreement at least 0\.6, meas"):
        release(family.store, "toy", "1.0.0", by="Ada")
    assert not folder(family).exists()
    assert Lineage(family.store).releases("toy") == ()


def test_a_tier_that_was_never_built_keeps_the_family_back(family: Family) -> None:
    for step in [one for one in family.heads if one.startswith("edge/")]:
        del family.heads[step]
    family.end()
    with pytest.raises(ReleaseError, match=r"edge was not built"):
        release(family.store, "toy", "1.0.0", by="Ada")


def test_a_build_that_ended_half_way_cannot_be_released(family: Family) -> None:
    add_tier(family, "mini", 60_000_000, 0.76, turn=" again")
    family.end()
    with pytest.raises(ReleaseError, match=r"nano · start was made from an earlier parent"):
        release(family.store, "toy", "1.0.0", by="Ada")


def test_a_damaged_file_is_not_released(family: Family) -> None:
    key = Lineage(family.store).resolve("edge/int4").key
    (family.store.folder(key) / "model.onnx").write_text("edge int4 grapX")
    with pytest.raises(ReleaseError, match=rf"{key[:16]}: model\.onnx has digest"):
        release(family.store, "toy", "1.0.0", by="Ada")


def test_a_version_is_released_once(family: Family) -> None:
    release(family.store, "toy", "1.0.0", by="Ada")
    with pytest.raises(ReleaseError, match=r"toy 1\.0\.0 exists since .* The next is 1\.0\.1"):
        release(family.store, "toy", "1.0.0", by="Ada")


def test_a_running_build_and_a_release_do_not_mix(family: Family) -> None:
    with (
        family.store.lock("toy"),
        pytest.raises(StoreError, match="is held by another build"),
    ):
        release(family.store, "toy", "1.0.0", by="Ada")


def test_what_failed_to_be_published_leaves_no_release(
    family: Family, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(freeze, "publish", full)
        with pytest.raises(StoreError, match="the disk is full"):
            release(family.store, "toy", "1.0.0", by="Ada")
    assert Lineage(family.store).releases("toy") == ()

    release(family.store, "toy", "1.0.0", by="Ada")
    assert Lineage(family.store).release("toy", "1.0.0").by == "Ada"


def test_a_release_that_the_index_missed_is_found_in_the_store(family: Family) -> None:
    release(family.store, "toy", "1.0.0", by="Ada")
    before = Lineage(family.store).releases("toy")
    (family.store.root / "lineage.db").unlink()
    assert reindex(family.store).releases == 1
    assert Lineage(family.store).releases("toy") == before


def _release(root: Path, version: str) -> str:
    try:
        release(Store(root), "toy", version, by="Ada")
    except (ReleaseError, StoreError) as error:
        return str(error)
    return "made"


def test_of_two_that_release_one_version_at_once_one_makes_it(family: Family) -> None:
    with multiprocessing.get_context("spawn").Pool(2) as pool:
        said = pool.starmap(_release, [(family.store.root, "1.0.0")] * 2)
    assert said.count("made") == 1
    assert len(list(ledger.decisions(family.store, "toy"))) == 1


def test_every_set_of_files_has_its_card_its_bill_and_the_notices(family: Family) -> None:
    words = {"LICENSE": "Apache License, Version 2.0", "NOTICE": "made from SmolLM2"}
    family.seal("", "notices", Outcome(), words, about="/about")
    family.end()
    made = release(family.store, "toy", "1.0.0", by="Ada")
    for name in ("README.md", "bom.cdx.json", "LICENSE", "NOTICE"):
        assert f"edge/int4/{name}" in made.published
    card = (folder(family) / "edge/int4/README.md").read_text()
    assert "base_model_relation: quantized" in card
    bill = json.loads((folder(family) / "edge/int4/bom.cdx.json").read_text())
    assert bill["bomFormat"] == "CycloneDX"


def test_the_notes_are_published_with_what_people_wrote(family: Family, tmp_path: Path) -> None:
    (tmp_path / "slow.md").write_text("---\nsection: Known issues\n---\n\nSlow on Mondays.\n")
    release(family.store, "toy", "1.0.0", by="Ada", fragments=tmp_path)
    notes = (folder(family) / "NOTES.md").read_text()
    assert "## Known issues\n\nSlow on Mondays." in notes
    assert json.loads((folder(family) / "notes.json").read_text())["family"] == "toy"
