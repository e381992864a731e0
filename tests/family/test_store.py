"""Artifacts: sealed whole or not at all, verified, and held by one builder at a time."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from family.errors import StoreError
from family.spec import Gate
from family.stage import Outcome, Recipe
from family.store import Origin, Store, disk_faults

RECIPE = Recipe("gate", 1, Gate(), {"model": "a"})


def origin() -> Origin:
    return Origin(family="toys", tier="mini", step="gate", started="2026-01-01", seconds=1.5)


def seal(store: Store, **files: str) -> Path:
    scratch = store.scratch(RECIPE.key, keep=False)
    (scratch / "deep").mkdir()
    for name, text in files.items():
        (scratch / "deep" / name).write_text(text)
    store.seal(RECIPE, scratch, Outcome(facts={"n": 1}), origin)
    return store.folder(RECIPE.key)


# ---- sealing -------------------------------------------------------------------------------


def test_what_is_sealed_stands_under_its_key_with_its_digests(store: Store) -> None:
    folder = seal(store, a="x")
    manifest = store.manifest(RECIPE.key)
    assert manifest
    assert folder.name == RECIPE.key
    assert set(manifest.files) == {"deep/a", "outcome.json"}
    assert manifest.files["deep/a"].bytes == 1
    assert manifest.recipe == RECIPE.canonical
    assert manifest.outcome == Outcome(facts={"n": 1})
    assert manifest.origin == origin()
    assert store.faults(manifest) == []
    assert list(store.manifests()) == [manifest]
    assert not (store.root / "scratch" / RECIPE.key).exists()


def test_sealing_again_replaces_what_was_there(store: Store) -> None:
    seal(store, a="x", b="y")
    folder = seal(store, a="z")
    assert [path.name for path in (folder / "deep").iterdir()] == ["a"]


def test_what_was_made_has_one_digest_whoever_made_it(store: Store, tmp_path: Path) -> None:
    seal(store, a="x")
    seal(other := Store(tmp_path / "other"), a="x")
    first, second = store.manifest(RECIPE.key), other.manifest(RECIPE.key)
    assert first
    assert second
    assert first.digest == second.digest
    seal(other, a="y")
    changed = other.manifest(RECIPE.key)
    assert changed
    assert changed.digest != first.digest


@pytest.mark.parametrize(
    ("text", "expected"),
    [("xy", "deep/a has 2 bytes, not 1"), ("y", "deep/a has digest "), (None, "deep/a is missing")],
)
def test_a_file_that_was_altered_is_found(store: Store, text: str | None, expected: str) -> None:
    path = seal(store, a="x") / "deep" / "a"
    manifest = store.manifest(RECIPE.key)
    assert manifest
    if text is None:
        path.unlink()
    else:
        path.write_text(text)
    (fault,) = store.faults(manifest)
    assert fault.startswith(expected)
    only_deep = expected.startswith("deep/a has digest")
    assert bool(store.faults(manifest, deep=False)) is not only_deep


def test_a_folder_without_a_whole_manifest_counts_as_absent(store: Store) -> None:
    folder = seal(store, a="x")
    (folder / "manifest.json").write_text('{"half')
    assert store.manifest(RECIPE.key) is None
    assert list(store.manifests()) == []


def test_scratch_is_empty_unless_it_is_kept(store: Store) -> None:
    (store.scratch("k", keep=True) / "half").touch()
    assert list(store.scratch("k", keep=True).iterdir())
    assert not list(store.scratch("k", keep=False).iterdir())


def test_a_family_s_head_is_kept(store: Store) -> None:
    assert store.head("toys") == {}
    store.set_head("toys", {"mini/gate": "a"})
    assert store.head("toys") == {"mini/gate": "a"}
    assert store.families() == ["toys"]


# ---- opening -------------------------------------------------------------------------------


def test_a_head_that_is_spoilt_is_told_with_what_to_do(store: Store) -> None:
    (store.root / "families" / "toys.json").write_text("{")
    with pytest.raises(StoreError, match=r"toys\.json cannot be read.* Delete it and build"):
        store.head("toys")


def test_opening_makes_a_store_and_opening_again_finds_it(tmp_path: Path) -> None:
    seal(Store(tmp_path / "deep" / "store"), a="x")
    assert Store.existing(tmp_path / "deep" / "store").manifest(RECIPE.key)


def test_a_copy_that_lost_its_empty_folders_is_opened(store: Store) -> None:
    (store.root / "scratch").rmdir()
    Store(store.root).scratch("key", keep=False)


def test_a_store_has_an_id_wherever_it_is_mounted_and_no_other_has_the_same(tmp_path: Path) -> None:
    store = Store(tmp_path / "store")
    with ThreadPoolExecutor(8) as pool:
        ids = set(pool.map(lambda _: Store(tmp_path / "store").id, range(8)))
    shutil.copytree(store.root, tmp_path / "mounted")
    assert ids == {store.id, Store(tmp_path / "mounted").id}
    assert len(store.id) == 32
    assert Store(tmp_path / "other").id != store.id


def test_reading_makes_no_store(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=r"there is no store here\. Run `descent build CONFIG`"):
        Store.existing(tmp_path / "store")
    assert not (tmp_path / "store").exists()


def test_a_store_from_a_newer_version_is_refused_and_left_alone(store: Store) -> None:
    mark = store.root / "store.json"
    mark.write_text(json.dumps({"format": 99}))
    for opened in (Store, Store.existing):
        with pytest.raises(StoreError, match=r"has format 99, and this descent knows 1\. Upgrade"):
            opened(store.root)
    assert json.loads(mark.read_text()) == {"format": 99}


@pytest.mark.parametrize("text", ["", "{", "[]", "7"])
def test_a_store_whose_mark_is_spoilt_is_refused(store: Store, text: str) -> None:
    (store.root / "store.json").write_text(text)
    with pytest.raises(StoreError, match=r"store\.json cannot be read"):
        Store(store.root)


def test_a_store_that_cannot_be_reached_is_told_with_what_to_do(tmp_path: Path) -> None:
    said = r"^/proc/nowhere/store: the store cannot be reached: No such file or directory\. Mount"
    with pytest.raises(StoreError, match=said):
        Store(Path("/proc/nowhere/store"))
    loop = tmp_path / "loop"
    loop.symlink_to(loop)
    with pytest.raises(StoreError, match=r"loop/store: the store cannot be reached: "):
        Store(loop / "store")


def test_a_file_in_the_place_of_a_store_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StoreError, match="a store is a folder, and this is a file"):
        Store(tmp_path / "file")


# ---- a full disk ---------------------------------------------------------------------------


def test_sealing_on_a_full_disk_leaves_nothing_under_the_key(small_disk: Path) -> None:
    store = Store(small_disk / "store")
    scratch = store.scratch(RECIPE.key, keep=False)
    with disk_faults(store.root), pytest.raises(OSError, match="No space left"):
        (scratch / "large").write_bytes(bytes(2**22))
    with pytest.raises(StoreError, match=r"the disk is full \(0 MB free\)\. What was sealed is"):
        store.seal(RECIPE, scratch, Outcome(), origin)
    assert store.manifest(RECIPE.key) is None
    assert not store.folder(RECIPE.key).exists()


def test_a_full_disk_is_told_apart_from_other_faults(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="the disk is full"), disk_faults(tmp_path):
        Path("/dev/full").write_text("x")
    with pytest.raises(FileNotFoundError), disk_faults(tmp_path):
        (tmp_path / "none").read_text()


# ---- one builder at a time -----------------------------------------------------------------

HOLD = """
import sys
from pathlib import Path
from family.store import Store
with Store(Path(sys.argv[1])).lock():
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def holder(store: Store) -> Iterator["subprocess.Popen[str]"]:
    """Another process that holds the store until its input ends."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(store.root)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout
    assert process.stdout.readline() == "held\n"
    with process:
        yield process


def test_a_second_builder_that_does_not_wait_is_refused(
    store: Store, holder: "subprocess.Popen[str]"
) -> None:
    expected = f"held by another build \\(process {holder.pid}\\). Wait for it, or leave out"
    with pytest.raises(StoreError, match=expected), store.lock(wait=False):
        pass


def test_a_second_builder_waits_and_says_for_whom(
    store: Store, holder: "subprocess.Popen[str]"
) -> None:
    said: list[str] = []

    def on_wait(text: str) -> None:
        said.append(text)
        assert holder.stdin
        holder.stdin.close()

    with store.lock(on_wait=on_wait):
        assert said == [
            f"{store.root} is held by another build (process {holder.pid}); waiting for it to end"
        ]
        assert (store.root / "lock").read_text() == str(os.getpid())


def test_a_lock_goes_with_its_process_even_if_it_is_killed(
    store: Store, holder: "subprocess.Popen[str]"
) -> None:
    holder.kill()
    holder.wait()
    with store.lock(wait=False):
        pass


def test_a_lock_is_given_back(store: Store) -> None:
    for _ in range(2):
        with store.lock(wait=False):
            pass
