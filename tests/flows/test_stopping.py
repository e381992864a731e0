"""Builds that are stopped, killed or started twice, as processes of their own."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from family.store import Store
from tests.flows import runs, table

FamilyFile = Callable[..., Path]
ENDLESS = {"distill": {"tokens": table.ENDLESS}}
PATIENCE = 300


def start(path: Path, store: Path, *options: str) -> "subprocess.Popen[str]":
    command = [sys.executable, "-m", "tests.flows", "build", str(path), "--store", str(store)]
    return subprocess.Popen(
        [*command, *options], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def until_training(store: Path, build: "subprocess.Popen[str]") -> int:
    """Wait until the endless stage runs; its process id."""
    for _ in range(PATIENCE * 10):
        if pids := [path for path in store.glob("scratch/*/pid") if path.read_text()]:
            return int(pids[0].read_text())
        assert build.poll() is None, build.communicate()
        time.sleep(0.1)
    raise AssertionError("the stage never ran")


def gone(pid: int) -> bool:
    """Whether a process has ended, waiting a little."""
    for _ in range(300):
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return True
        time.sleep(0.1)
    return False


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_a_stopped_build_ends_its_child_says_how_to_go_on_and_ends_with_130(
    server: str, family_file: FamilyFile, tmp_path: Path, how: signal.Signals
) -> None:
    store = tmp_path / "store"
    build = start(family_file(mini=ENDLESS), store)
    child = until_training(store, build)
    build.send_signal(how)
    _, told = build.communicate(timeout=PATIENCE)
    assert build.returncode == 130
    assert "What was sealed is kept; the same command goes on" in told
    assert "Traceback" not in told
    assert gone(child)
    run = runs.last("Build toys")
    assert run.state_name == "Cancelled"
    assert runs.below(run)["mini"].state_name == "Cancelled"
    origins = [one.origin for one in Store(store).manifests()]
    sealed = [one.step for one in origins if one.tier in ("", "mini")]
    assert sorted(sealed) == [
        "about",
        "corpus",
        "flagship",
        "notices",
        "prompts",
        "responses",
        "signal",
        "start",
    ]


def test_a_killed_build_takes_its_child_along_and_the_next_one_goes_on(
    server: str, family_file: FamilyFile, tmp_path: Path
) -> None:
    store = tmp_path / "store"
    build = start(family_file(mini=ENDLESS), store)
    child = until_training(store, build)
    build.kill()
    build.communicate()
    assert gone(child)
    kept = {one.key: one.digest for one in Store(store).manifests()}
    assert kept

    after = start(family_file(), store)
    _, told = after.communicate(timeout=PATIENCE)
    assert after.returncode == 0, told
    assert told.count("reused") == len(kept)
    now = {one.key: one.digest for one in Store(store).manifests()}
    assert kept.items() <= now.items()


def test_of_two_builds_the_second_refuses_or_waits_and_says_for_whom(
    server: str, family_file: FamilyFile, tmp_path: Path
) -> None:
    store = tmp_path / "store"
    path = family_file(mini=ENDLESS)
    first = start(path, store)
    until_training(store, first)
    refused = start(path, store, "--no-wait")
    _, told = refused.communicate(timeout=PATIENCE)
    assert refused.returncode == 1
    assert f"is held by another build (process {first.pid})" in told
    assert "Traceback" not in told

    waits = start(family_file(), store)
    assert waits.stderr
    assert "waiting for it to end" in waits.stderr.readline()
    first.send_signal(signal.SIGINT)
    first.communicate(timeout=PATIENCE)
    _, told = waits.communicate(timeout=PATIENCE)
    assert waits.returncode == 0, told
