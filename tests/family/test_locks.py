"""Who waits for whom: families, artifacts and the whole store."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from family import locks
from family.errors import StoreError
from family.run import make
from family.stopping import Stop
from family.store import Store
from tests.toys import family, only

HOLD = """
import sys
from pathlib import Path
from family import locks
from family.stopping import Stop
root, how, name = Path(sys.argv[1]), sys.argv[2], sys.argv[3]
held = {
    "family": lambda: locks.family(root, name, wait=False, on_wait=print),
    "artifact": lambda: locks.artifact(root, name, name, print, Stop()),
    "everything": lambda: locks.everything(root, wait=False, on_wait=print),
}[how]
with held():
    print("held", flush=True)
    sys.stdin.read()
"""

Hold = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def hold(store: Store) -> Iterator[Hold]:
    """Starts another process that holds a lock of the store until its input ends."""
    started: list[subprocess.Popen[str]] = []

    def hold(how: str, name: str = "") -> "subprocess.Popen[str]":
        process = subprocess.Popen(
            [sys.executable, "-c", HOLD, str(store.root), how, name],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        assert process.stdout
        assert process.stdout.readline() == "held\n"
        return process

    yield hold
    for process in started:
        with process:
            process.kill()


def let_go(process: "subprocess.Popen[str]") -> None:
    assert process.stdin
    process.stdin.close()
    process.wait(60)


def no_wait(text: str) -> None:
    raise AssertionError(text)


# ---- families ------------------------------------------------------------------------------


def test_a_family_is_held_by_one_build_and_another_family_beside_it(
    store: Store, hold: Hold
) -> None:
    other = hold("family", "cats")
    expected = f"cats in .* is held by another build \\(process {other.pid}\\)"
    with (
        pytest.raises(StoreError, match=expected),
        locks.family(store.root, "cats", wait=False, on_wait=no_wait),
    ):
        pass
    with locks.family(store.root, "dogs", wait=False, on_wait=no_wait):
        assert set(locks.holders(store.root)) == {str(other.pid), str(os.getpid())}


def test_a_build_in_the_queue_goes_on_once_the_one_before_has_ended(
    store: Store, hold: Hold
) -> None:
    other = hold("family", "cats")
    said: list[str] = []

    def on_wait(text: str) -> None:
        said.append(text)
        let_go(other)

    with locks.family(store.root, "cats", wait=True, on_wait=on_wait):
        assert said == [
            f"cats in {store.root} is held by another build (process {other.pid}); waiting for it "
            f"to end"
        ]
        assert locks.holders(store.root) == [str(os.getpid())]
    assert locks.holders(store.root) == []


# ---- artifacts -----------------------------------------------------------------------------


def test_whoever_waits_for_an_artifact_finds_it_made(store: Store) -> None:
    for name in ("/flagship", "/prompts"):
        step, stage = only(family(), name)
        make(step, "toys", stage, store)
    step, stage = only(family(), responses="toy")
    said: list[str] = []
    with ThreadPoolExecutor() as pool:
        builds = [pool.submit(make, step, "toys", stage, store, warn=said.append) for _ in range(2)]
    assert sorted(build.result().how for build in builds) == ["built", "reused"]
    assert said == [
        f"family · responses is held by another build (process {os.getpid()}); waiting for it to "
        f"end"
    ]


def test_a_wait_for_an_artifact_ends_when_it_is_asked_to(store: Store, hold: Hold) -> None:
    other, stop = hold("artifact", "abc"), Stop()
    said: list[str] = []

    def on_wait(text: str) -> None:
        said.append(text)
        stop.ask()

    with (
        pytest.raises(KeyboardInterrupt, match="waiting for edge · distill was stopped"),
        locks.artifact(store.root, "abc", "edge · distill", on_wait, stop),
    ):
        pass
    assert said == [
        f"edge · distill is held by another build (process {other.pid}); waiting for it to end"
    ]
    with locks.artifact(store.root, "def", "edge · evaluate", no_wait, Stop()):
        pass


# ---- the whole store -----------------------------------------------------------------------


def test_who_wants_the_store_alone_waits_for_all_builds(store: Store, hold: Hold) -> None:
    others = [hold("family", "cats"), hold("artifact", "abc")]
    pids = {str(one.pid) for one in others}
    said: list[str] = []

    def on_wait(text: str) -> None:
        said.append(text)
        for one in others:
            let_go(one)

    with locks.everything(store.root, wait=True, on_wait=on_wait):
        assert len(said) == 1
        assert all(pid in said[0] for pid in pids)
        assert locks.holders(store.root) == [str(os.getpid())]
        locks.clear(store.root)
        assert not list((store.root / "locks").iterdir())
    with locks.family(store.root, "cats", wait=False, on_wait=no_wait):
        pass


def test_builds_wait_for_who_has_the_store_alone(store: Store, hold: Hold) -> None:
    other = hold("everything")
    expected = f"is held by a sweep \\(process {other.pid}\\)"
    with (
        pytest.raises(StoreError, match=expected),
        locks.family(store.root, "cats", wait=False, on_wait=no_wait),
    ):
        pass
    with (
        pytest.raises(StoreError, match=f"held by another build \\(process {other.pid}\\)"),
        locks.everything(store.root, wait=False, on_wait=no_wait),
    ):
        pass


def test_nobody_waits_in_a_circle(store: Store) -> None:
    """A build makes artifacts while it holds its family, and takes the store's lock for each."""
    with (
        locks.family(store.root, "cats", wait=True, on_wait=no_wait),
        locks.artifact(store.root, "abc", "mini · start", no_wait, Stop()),
    ):
        pass


def test_a_lock_goes_with_a_process_that_is_killed(store: Store, hold: Hold) -> None:
    other = hold("family", "cats")
    other.kill()
    other.wait()
    assert locks.holders(store.root) == []
    with locks.family(store.root, "cats", wait=False, on_wait=no_wait):
        pass


def test_a_store_that_nobody_has_held_has_no_holders(tmp_path: Path) -> None:
    assert locks.holders(tmp_path) == []
