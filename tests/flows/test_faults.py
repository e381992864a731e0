"""What goes wrong while a family is built: a clear state, nothing half-published, nothing lost, and
a build that goes on."""

import json
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from family.errors import DescentError, StoreError
from family.lineage import connect
from family.lineage.queries import Lineage
from family.lineage.record import reindex
from family.load import load
from family.spec import FamilySpec
from family.store import Store
from flows.build import build
from tests.flows import runs, table
from tests.flows.family import TOYS
from tests.flows.lasting import ROOT, Lasting, free_address, start, until

SpecOf = Callable[..., FamilySpec]


def taught(tokens: int) -> dict[str, object]:
    return {"distill": {"tokens": tokens}}


def digests(store: Path) -> dict[str, str]:
    return {one.key: one.digest for one in Store(store).manifests()}


def whole(store: Path) -> bool:
    """Whether all that the store has verifies, and nothing else lies in it."""
    opened = Store(store)
    manifests = [*opened.manifests()]
    there = {path.name for path in (opened.root / "artifacts").iterdir()}
    return there == {one.key for one in manifests} and not any(map(opened.faults, manifests))


def attempts(tier: str) -> int:
    """How often the training of a tier in the last build was tried."""
    return runs.ended(runs.below(runs.last("Build toys"))[tier], f"Distil {tier}").run_count


def test_a_worker_that_is_lost_is_replaced_and_its_work_gone_on_with(
    server: str, spec_of: SpecOf, tmp_path: Path
) -> None:
    build(spec_of(mini=taught(table.LOST)), tmp_path / "store")
    assert runs.last("Build toys").state_name == "Completed"
    assert attempts("mini") == 2
    assert whole(tmp_path / "store")


def test_a_stage_without_memory_says_what_to_lower_and_is_not_tried_again(
    server: str, spec_of: SpecOf, tmp_path: Path
) -> None:
    spec = spec_of(mini=taught(table.GREEDY))
    with pytest.raises(
        DescentError, match=r"Memory ran out. Let it take less \(raise `accumulate`"
    ):
        build(spec, tmp_path / "store")
    assert attempts("mini") == 1
    assert runs.below(runs.last("Build toys"))["edge"].state_name == "Completed"
    assert whole(tmp_path / "store")
    build(spec, tmp_path / "store")
    assert whole(tmp_path / "store")


def test_what_cannot_pass_is_tried_once(server: str, spec_of: SpecOf, tmp_path: Path) -> None:
    with pytest.raises(DescentError, match="three is not four"):
        build(spec_of(mini=taught(table.BROKEN)), tmp_path / "store")
    assert attempts("mini") == 1


def test_a_full_disk_stops_the_build_which_goes_on_once_there_is_room(
    server: str, spec_of: SpecOf, tmp_path: Path
) -> None:
    spec = spec_of(mini=taught(table.FULL))
    with pytest.raises(StoreError, match=r"mini · distill: .*the disk is full .* make room"):
        build(spec, tmp_path / "store")
    failed = runs.last("Build toys")
    assert failed.state
    assert failed.state_name == "Failed"
    assert "the disk is full" in str(failed.state.message)
    before = digests(tmp_path / "store")
    assert whole(tmp_path / "store")

    build(spec, tmp_path / "store")
    assert whole(tmp_path / "store")
    assert before.items() < digests(tmp_path / "store").items()


def test_a_locked_index_is_waited_for_and_if_it_takes_too_long_told(
    server: str, spec_of: SpecOf, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, spec = tmp_path / "store", spec_of()
    build(spec, store)
    monkeypatch.setattr(connect, "TURN", 2.0)
    locker = sqlite3.connect(store / "lineage.db", check_same_thread=False)
    changed = spec_of(edge=taught(7))

    locker.execute("BEGIN IMMEDIATE")
    released = threading.Timer(1.0, locker.rollback)
    released.start()
    build(spec_of(nano=taught(7)), store)
    released.join()

    locker.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreError, match="is locked"):
        build(changed, store)
    locker.rollback()
    assert whole(store)
    build(changed, store)
    lineage = Lineage(Store(store))
    then = lineage.status("toys")
    reindex(Store(store))
    assert lineage.status("toys") == then


def test_families_and_builds_of_one_family_share_a_store_at_once(
    server: str, built: Path, tmp_path: Path
) -> None:
    started = []
    for number, name in enumerate(("toys", "toys", "others")):
        path = tmp_path / f"{number}.yaml"
        path.write_text(json.dumps({**TOYS, "family": name}))
        command = [sys.executable, "-m", "tests.flows", "build", str(path), "--store"]
        started.append(
            subprocess.Popen([*command, str(tmp_path / "store")], stderr=subprocess.PIPE)
        )
    for one in started:
        _, said = one.communicate(timeout=300)
        assert one.returncode == 0, said.decode()

    store = Store(tmp_path / "store")
    assert whole(store.root)
    assert store.head("toys") == Store(built).head("toys")
    assert digests(built).items() <= digests(store.root).items()
    assert load(tmp_path / "2.yaml").family in store.families()
    lineage = Lineage(store)
    then = lineage.status("toys"), lineage.status("others")
    reindex(store)
    assert (lineage.status("toys"), lineage.status("others")) == then


def test_a_server_that_goes_away_and_comes_back_sees_the_build_go_on_to_its_end(
    family_file: Callable[..., Path], tmp_path: Path
) -> None:
    server, store = Lasting(free_address(), tmp_path), tmp_path / "store"
    process = start(server)
    path = str(family_file(mini=taught(table.PAUSING)))
    command = [sys.executable, "-m", "tests.flows", "build", path, "--store", str(store)]
    builder = subprocess.Popen(command, env=server.environment, cwd=ROOT, stderr=subprocess.PIPE)
    try:
        until(lambda: [*store.glob("scratch/*/pid")])
        process.kill()
        process.wait()
        process = start(server)
        _, said = builder.communicate(timeout=300)
        assert builder.returncode == 0, said.decode()
        assert server.newest("build").state_name == "Completed"
        assert whole(store)
    finally:
        builder.kill()
        process.terminate()
        process.wait(60)
