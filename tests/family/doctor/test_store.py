"""Stores that are whole, damaged, held, half-done or not there."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from family.doctor.findings import Finding
from family.doctor.store import store as look
from family.store import MANIFEST, Store
from tests.family.lineage.hand_built import Family, add_family, add_release


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Family:
    family = Family(Store(tmp_path_factory.mktemp("whole") / "store"))
    add_family(family)
    add_release(family, "1.0.0", "production")
    return family


@pytest.fixture
def copy(whole: Family, tmp_path: Path) -> Path:
    root = tmp_path / "store"
    shutil.copytree(whole.store.root, root)
    return root


def found(root: Path) -> dict[str, Finding]:
    return {one.check: one for one in look(root)}


def test_a_whole_store_is_well(whole: Family) -> None:
    seen = found(whole.store.root)
    assert {one.status for one in seen.values()} == {"ok"}
    assert seen["place"].found == f"{whole.store.root}: toy"
    assert seen["artifacts"].found.startswith("28, ")
    assert seen["releases"].found == "1, with everything that they name"
    assert seen["lock"].found == "free"


def test_a_file_that_was_cut_short_and_one_that_is_gone_are_named(
    whole: Family, copy: Path
) -> None:
    edge, mini = whole.heads["edge/export:int4"], whole.heads["mini/distill"]
    (copy / "artifacts" / edge / "model.onnx.data").write_text("cut")
    (copy / "artifacts" / mini / "history.jsonl").unlink()
    seen = found(copy)["artifacts"]
    assert seen.status == "fail"
    assert seen.found.startswith("2 of 28 are damaged: ")
    assert f"toy/edge/int4 ({edge[:12]}): model.onnx.data has 3 bytes, not " in seen.found
    assert f"toy/mini ({mini[:12]}): history.jsonl is missing" in seen.found
    assert "descent build CONFIG" in seen.fix


def test_an_artifact_without_a_manifest_is_damaged(whole: Family, copy: Path) -> None:
    key = whole.heads["/corpus"]
    (copy / "artifacts" / key / MANIFEST).write_text("{")
    assert f"{key[:12]} has no manifest that can be read" in found(copy)["artifacts"].found


def test_what_a_release_names_and_is_gone_is_told(whole: Family, copy: Path) -> None:
    shutil.rmtree(copy / "artifacts" / whole.heads["edge/gate"])
    seen = found(copy)["releases"]
    assert seen.status == "fail"
    assert "toy/edge/gate (toy 1.0.0); toy/edge/gate (toy now)" in seen.found


def test_a_record_that_cannot_be_read_is_told(copy: Path) -> None:
    (copy / "families" / "toy.json").write_text("{")
    seen = found(copy)["releases"]
    assert seen.status == "fail"
    assert (
        seen.found == f"{copy}/families/toy.json cannot be read, so nobody knows what toy has now"
    )
    assert seen.fix.startswith("Delete it and build the family again")


def test_a_store_that_lost_its_artifacts_is_told(whole: Family, copy: Path) -> None:
    shutil.rmtree(copy / "artifacts")
    seen = found(copy)["releases"]
    assert seen.found.startswith(f"{2 * len(whole.heads)} artifacts are gone: toy")


def test_a_store_of_another_format_is_told_with_its_remedy(copy: Path) -> None:
    (copy / "store.json").write_text('{"format": 9}')
    seen = found(copy)
    assert list(seen) == ["place"]
    assert seen["place"].found == f"{copy}: the store has format 9, and this descent knows 1"
    assert seen["place"].fix.startswith("Upgrade descent-family")


def test_a_store_that_lost_its_mark_is_told(copy: Path) -> None:
    (copy / "store.json").unlink()
    assert f"> {copy / 'store.json'}" in found(copy)["place"].fix


def test_a_store_that_is_not_there_yet_is_no_fault(tmp_path: Path) -> None:
    seen = found(tmp_path / "new")
    assert (seen["place"].status, list(seen)) == ("ok", ["place"])
    assert not (tmp_path / "new").exists()


def test_a_store_that_is_a_file_is_a_fault(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    seen = found(tmp_path / "file")["place"]
    assert seen.status == "fail"
    assert seen.found == f"{tmp_path / 'file'}: a store is a folder, and this is a file"
    assert "--store" in seen.fix


def test_a_store_where_nothing_can_be_made_is_a_fault() -> None:
    seen = found(Path("/proc/nowhere/store"))["place"]
    assert seen.status == "fail"
    assert "/proc/nowhere/store is not there, and /proc cannot be written to" in seen.found


@pytest.fixture
def read_only(copy: Path) -> Iterator[Path]:
    bind = ["mount", "--bind", str(copy), str(copy)]
    if os.geteuid() or subprocess.run(bind, capture_output=True).returncode:
        pytest.skip("only root can mount a disk")
    subprocess.run(["mount", "-o", "remount,ro,bind", str(copy)], check=True)
    yield copy
    subprocess.run(["umount", str(copy)], check=True)


def test_a_store_that_can_only_be_read_is_told(read_only: Path) -> None:
    seen = found(read_only)
    assert seen["place"].found == f"{read_only} cannot be written to: Read-only file system"
    assert seen["artifacts"].status == "ok"


def test_what_a_killed_build_left_is_told_with_both_ways_out(copy: Path) -> None:
    (copy / "scratch" / "0123").mkdir()
    (copy / "scratch" / "0123" / "half.bin").write_bytes(bytes(5_000_000))
    seen = found(copy)["scratch"]
    assert (seen.status, seen.found) == (
        "warn",
        "1 half-done, 5 MB, left by builds that were ended",
    )
    assert "Run the build again" in seen.fix
    assert seen.fix.endswith(f"descent sweep --store {copy}")


def test_a_build_at_work_is_named_and_its_scratch_is_its_own(copy: Path) -> None:
    (copy / "scratch" / "0123").mkdir()
    with Store(copy).lock():
        seen = found(copy)
    assert seen["lock"].found.startswith(f"held by process {os.getpid()} (py")
    assert seen["scratch"].status == "ok"
    assert found(copy)["lock"].found == "free"
