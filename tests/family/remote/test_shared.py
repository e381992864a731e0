"""Two workers with a folder each, and one store at a URL."""

import os
import pickle
import signal
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

import fsspec
import pytest

from family.errors import NoStoreError, StoreError
from family.lineage.follow import follow, rebuilt
from family.progress import Progress
from family.remote.place import CACHE
from family.stage import Outcome
from family.store import Origin, Store
from tests import toys
from tests.conftest import S3_SECRET
from tests.s3 import Server

Worker = Callable[[str, str], Store]
#: 15 steps.
SPEC = toys.family({"mini": {}})
GATE = {"metric": "agreement", "min": 0.1}


def stored(url: str) -> dict[str, bytes]:
    """Everything at a URL, by name."""
    files, base = fsspec.core.url_to_fs(url, use_listings_cache=False, skip_instance_cache=True)
    return {name.removeprefix(base): files.cat_file(name) for name in sorted(files.find(base))}


def alter(url: str, name: str, content: bytes) -> None:
    files, base = fsspec.core.url_to_fs(url, skip_instance_cache=True)
    files.pipe_file(f"{base}/{name}", content)


def files_here(store: Store) -> set[str]:
    found = (store.root / "artifacts").rglob("*.txt")
    return {path.parent.name for path in found}


def same_manifests(one: Store, other: Store) -> bool:
    return list(one.manifests()) == list(other.manifests())


# ---- one after the other -------------------------------------------------------------------


def test_another_worker_reuses_all_that_the_first_one_built(url: str, worker: Worker) -> None:
    first, second = worker("first", url), worker("second", url)
    built = toys.build(SPEC, first)
    follow(second)
    assert len(built) == 15
    assert set(toys.stale(SPEC, second)) == set()
    assert toys.build(SPEC, second) == []
    assert same_manifests(first, second)
    assert second.id == first.id


def test_what_nobody_reads_is_not_fetched(
    bucket: str, worker: Worker, s3_server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("family.remote.shared.SMALL", 0)
    toys.build(SPEC, worker("first", bucket))
    second = worker("second", bucket)
    s3_server.forget()
    follow(second)
    assert toys.build(SPEC, second) == []
    assert files_here(second) == set()
    assert [path for method, path in s3_server.asked if "/files/" in path and method == "GET"] == []


def test_what_a_stage_reads_is_fetched_and_nothing_else(
    anywhere: str, worker: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("family.remote.shared.SMALL", 0)
    toys.build(SPEC, worker("first", anywhere))
    second = worker("second", anywhere)
    follow(second)
    spec = toys.changed(SPEC, "tiers.mini.gate.bounds", [GATE])
    assert toys.build(spec, second) == ["mini/gate"]
    step, _ = toys.only(spec, "mini/gate")
    assert files_here(second) == {*step.recipe.inputs.values(), step.recipe.key}


def test_a_step_that_was_made_a_moment_ago_is_found_without_looking_at_all(
    anywhere: str, worker: Worker
) -> None:
    first, second = worker("first", anywhere), worker("second", anywhere)
    made = toys.make_one(first)
    assert toys.make_one(second).how == "reused"
    assert second.manifest(made.manifest.key) == made.manifest


def test_a_stage_reads_inputs_that_its_machine_never_heard_of(
    anywhere: str, worker: Worker
) -> None:
    first, second = worker("first", anywhere), worker("second", anywhere)
    toys.build(SPEC, first)
    spec = toys.changed(SPEC, "tiers.mini.gate.bounds", [GATE])
    step, stage = toys.only(spec, "mini/gate")
    there = toys.make(step, "toys", stage, second).manifest
    alone = Store(first.root.parent / "alone")
    toys.build(spec, alone)
    at_home = alone.manifest(step.recipe.key)
    assert at_home
    assert there.digest == at_home.digest


def test_files_that_came_since_the_last_look_are_found(
    anywhere: str, worker: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("family.remote.shared.SMALL", 0)
    first, second = worker("first", anywhere), worker("second", anywhere)
    step, stage = toys.only(SPEC, "/prompts")
    toys.make(step, "toys", stage, second)  # which looks at what is there
    toys.make_one(first)
    assert toys.make_one(second).how == "reused"


def test_a_store_goes_to_another_process(url: str, worker: Worker) -> None:
    made = toys.make_one(first := worker("first", url)).manifest
    again = pickle.loads(pickle.dumps(first))
    assert again.place == url
    assert again.share(made) == made


def test_the_index_is_rebuilt_from_the_url_as_the_first_worker_has_it(
    bucket: str, worker: Worker
) -> None:
    first, second = worker("first", bucket), worker("second", bucket)
    toys.build(SPEC, first)
    assert rebuilt(second) == rebuilt(first)


def test_a_folder_remembers_its_url(anywhere: str, worker: Worker, tmp_path: Path) -> None:
    made = toys.make_one(worker("first", anywhere))
    again = Store.existing(tmp_path / "first")
    assert again.place == anywhere
    assert again.manifest(made.manifest.key) == made.manifest


def test_no_store_is_made_where_one_is_only_looked_for(
    bucket: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(CACHE, str(tmp_path / "first"))
    with pytest.raises(NoStoreError, match="there is no store here"):
        Store.existing(bucket)
    assert not (tmp_path / "first").exists()
    assert stored(bucket) == {}


# ---- at once -------------------------------------------------------------------------------


BUILD = """
import sys
from family.lineage.follow import follow
from family.store import Store
from tests import toys

store = Store(sys.argv[1])
follow(store)
toys.build(toys.family({"mini": {}}), store)
"""


def build_elsewhere(name: str, url: str, tmp_path: Path) -> "subprocess.Popen[bytes]":
    """A process of its own that builds the family as the machine of a name."""
    return subprocess.Popen(
        [sys.executable, "-c", BUILD, url],
        env={**os.environ, CACHE: str(tmp_path / name)},
        stderr=subprocess.PIPE,
    )


@pytest.mark.parametrize("url", ["s3", "file"], indirect=True)
def test_two_at_once_end_with_the_same_artifacts(url: str, worker: Worker, tmp_path: Path) -> None:
    names = ("first", "second")
    for process in [build_elsewhere(name, url, tmp_path) for name in names]:
        _, said = process.communicate(timeout=60)
        assert process.returncode == 0, said
    first, second = (worker(name, url) for name in names)
    assert rebuilt(first) == rebuilt(second)
    assert same_manifests(first, second)
    assert first.head("toys") == second.head("toys")
    for store in (first, second):
        assert toys.build(SPEC, store) == []
        assert [fault for one in store.manifests() for fault in store.faults(one)] == []


def test_of_two_different_results_the_first_one_counts(url: str, worker: Worker) -> None:
    step, _ = toys.only(SPEC)
    sealed = {}
    for store in (first := worker("first", url), second := worker("second", url)):
        name = store.root.name
        scratch = store.scratch(step.recipe.key, keep=False)
        (scratch / "toy.txt").write_text(f"by {name}")
        (scratch / f"{name}.txt").touch()
        origin = Origin(family="toys", tier="", step="responses", started=name, seconds=1.0)
        sealed[name] = store.seal(
            step.recipe, scratch, Outcome(), partial(Origin.model_copy, origin)
        )
    assert first.share(sealed["first"], new=True) == sealed["first"]
    assert second.share(sealed["second"], new=True) == sealed["first"]
    assert second.manifest(step.recipe.key) == sealed["first"]
    folder = second.fetch(step.recipe.key)
    assert (folder / "toy.txt").read_text() == "by first"
    assert not (folder / "second.txt").exists()


# ---- what goes wrong -----------------------------------------------------------------------


def test_a_push_that_is_ended_half_way_leaves_no_artifact_and_is_repeated(
    bucket: str, worker: Worker, s3_server: Server
) -> None:
    first, second = worker("first", bucket), worker("second", bucket)
    s3_server.refuse = lambda method, path: method == "PUT" and path.endswith("manifest.json")
    with pytest.raises(StoreError, match="What was sealed here is kept"):
        toys.make_one(first)
    assert not any("manifest.json" in name for name in stored(bucket))
    assert any("/files/" in name for name in stored(bucket))
    follow(second)
    assert list(second.manifests()) == []

    s3_server.forget()
    made = toys.make_one(first)
    assert made.how == "reused"
    assert not [path for method, path in s3_server.asked if method == "PUT" and "/files/" in path]
    assert toys.make_one(second).how == "reused"


def test_a_builder_that_is_killed_while_it_sends_leaves_nothing_half_published(
    bucket: str, worker: Worker, s3_server: Server, tmp_path: Path
) -> None:
    sent: list[str] = []

    def kill(method: str, path: str) -> bool:
        sent.extend([path] if method == "PUT" and path.endswith("manifest.json") else [])
        if len(sent) == 4:
            process.kill()
        return len(sent) == 4

    s3_server.refuse = kill
    process = build_elsewhere("first", bucket, tmp_path)
    process.communicate(timeout=60)
    assert process.returncode == -signal.SIGKILL
    s3_server.forget()
    second = worker("second", bucket)
    follow(second)
    there = list(second.manifests())
    assert len(there) == 3
    for manifest in there:
        second.fetch(manifest.key)
        assert second.faults(manifest) == []
    first = worker("first", bucket)
    follow(first)
    assert len(toys.build(SPEC, first)) == 11  # the fourth was sealed, and is sent
    follow(second)
    assert toys.build(SPEC, second) == []


def test_what_may_pass_is_tried_again(
    bucket: str, worker: Worker, s3_server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "3")
    first = worker("first", bucket)
    refused: list[str] = []

    def refuse(method: str, path: str) -> bool:
        refused.append(path)
        return refused.count(path) == 1

    s3_server.refuse = refuse
    assert toys.make_one(first).how == "built"
    assert toys.make_one(worker("second", bucket)).how == "reused"


@pytest.mark.parametrize("altered", [b"another", b"\0" * 64], ids=["shorter", "as long"])
def test_an_altered_file_is_refused_and_made_anew(
    url: str, worker: Worker, monkeypatch: pytest.MonkeyPatch, altered: bytes
) -> None:
    monkeypatch.setattr("family.remote.shared.SMALL", 0)
    made = toys.make_one(worker("first", url)).manifest
    file = made.files["toy.txt"]
    alter(url, f"files/{file.sha256}", altered)
    second = worker("second", url)
    follow(second)
    if len(altered) == file.bytes:
        with pytest.raises(StoreError, match=r"is not what was sealed: .* It was not used"):
            second.fetch(made.key)
        assert not (second.folder(made.key) / "toy.txt").exists()
        follow(second)  # which does not bring it back
    again = toys.make_one(second)
    assert again.how == "built"
    third = worker("third", url)
    assert toys.make_one(third).how == "reused"
    assert third.faults(again.manifest) == []
    assert (third.fetch(made.key) / "toy.txt").stat().st_size == file.bytes


def test_a_lost_file_is_made_anew(anywhere: str, worker: Worker) -> None:
    made = toys.make_one(worker("first", anywhere)).manifest
    files, base = fsspec.core.url_to_fs(anywhere, skip_instance_cache=True)
    files.rm_file(f"{base}/files/{made.files['toy.txt'].sha256}")
    second = worker("second", anywhere)
    assert toys.make_one(second).how == "built"
    assert toys.make_one(worker("third", anywhere)).how == "reused"


def test_large_transfers_tell_how_far_they_are(anywhere: str, worker: Worker) -> None:
    heard: list[Progress] = []
    step, stage = toys.only(SPEC, responses="writes_a_lot")
    toys.make(step, "toys", stage, worker("first", anywhere), on_progress=heard.append)
    assert (heard[-1].done, heard[-1].total, heard[-1].unit) == (67.1, 67.1, "MB")
    heard.clear()
    second = worker("second", anywhere)
    second.look(step.recipe.key)
    second.fetch(step.recipe.key, heard.append)
    assert (heard[-1].done, heard[-1].total, heard[-1].unit) == (67.1, 67.1, "MB")


def test_credentials_stand_nowhere(bucket: str, worker: Worker) -> None:
    first = worker("first", bucket)
    toys.build(SPEC, first)
    everything = [path.read_bytes() for path in first.root.rglob("*") if path.is_file()]
    assert len(everything) >= 50
    assert not any(S3_SECRET.encode() in one for one in [*everything, *stored(bucket).values()])


def test_a_folder_that_keeps_something_else_is_refused(
    anywhere: str, worker: Worker, tmp_path: Path
) -> None:
    toys.make_one(worker("first", anywhere))
    with pytest.raises(StoreError, match=r"stands before .*, and cannot keep what comes from"):
        worker("first", "memory://elsewhere")
    Store(tmp_path / "own")
    with pytest.raises(StoreError, match=r"is a store by itself, .* DESCENT_CACHE=FOLDER"):
        worker("own", anywhere)


def test_a_manifest_that_names_files_elsewhere_is_not_used(anywhere: str, worker: Worker) -> None:
    made = toys.make_one(worker("first", anywhere)).manifest
    name = f"artifacts/{made.key}/manifest.json"
    escaping = made.model_copy(update={"files": {"../../../out": made.files["toy.txt"]}})
    alter(anywhere, name, escaping.model_dump_json().encode())
    second = worker("second", anywhere)
    follow(second)
    assert list(second.manifests()) == []
    assert toys.make_one(second).how == "built"
    assert toys.make_one(worker("third", anywhere)).how == "reused"


def test_a_store_that_is_gone_is_not_begun_anew(anywhere: str, worker: Worker) -> None:
    first = worker("first", anywhere)
    files, base = fsspec.core.url_to_fs(anywhere, skip_instance_cache=True)
    files.rm(base, recursive=True)
    with pytest.raises(StoreError, match=r"there is no store any more, and .*first keeps what"):
        follow(first)
    worker("second", anywhere)
    with pytest.raises(StoreError, match="this is another store, and"):
        follow(first)


def test_a_store_of_another_format_is_refused(anywhere: str, worker: Worker) -> None:
    worker("second", anywhere)
    alter(anywhere, "store.json", b'{"format": 9, "id": "x"}')
    with pytest.raises(StoreError, match="the store has format 9, and this descent knows 1"):
        worker("first", anywhere)
