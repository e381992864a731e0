"""Reuse or build, in this process or in a child, and what is left when that goes wrong."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from family.errors import DescentError, StageError, StoreError
from family.lineage.queries import Lineage
from family.machine import Energy
from family.progress import Progress
from family.run import make
from family.store import Manifest, Store
from tests.toys import build, changed, family, make_one, only, planned

#: The steps whose artifacts `make_one` needs.
INPUTS = ["flagship", "prompts"]

Builder = Callable[[str], "subprocess.Popen[str]"]


def wait_for(condition: Callable[[], bool], what: str, seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"waited {seconds} s for {what}"
        time.sleep(0.02)


def is_alive(pid: int) -> bool:
    """Whether a process runs; one that ended and was not yet reaped does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def scratch(store: Store) -> Path:
    """The scratch folder of the step that `make_one` makes."""
    step, _ = only(family())
    return store.root / "scratch" / step.recipe.key


def sealed(store: Store) -> list[str]:
    return sorted(manifest.origin.step for manifest in store.manifests())


@pytest.fixture
def with_inputs(store: Store) -> Store:
    """A store with the inputs of the step that `make_one` makes."""
    for name in INPUTS:
        step, stage = only(family(), f"/{name}")
        make(step, "toys", stage, store)
    return store


# ---- reuse ---------------------------------------------------------------------------------


def test_a_second_build_does_no_work(store: Store) -> None:
    assert len(build(family(), store)) == 30
    assert build(family(), store) == []


def test_two_tiers_that_start_alike_share_their_start(store: Store) -> None:
    assert "nano/start" not in build(family(), store)
    head = store.head("toys")
    assert head["mini/start"] == head["nano/start"]


def test_a_change_builds_what_the_plan_said(store: Store) -> None:
    build(family(), store)
    after = changed(family(), "tiers.mini.distill.tokens", 7)
    expected = [name for name, one in planned(after, store).items() if one.status == "stale"]
    assert build(after, store) == expected
    assert {name.partition("/")[0] for name in expected} == {"mini", "edge"}


@pytest.mark.parametrize("spoil", ["alter", "remove"])
def test_a_sealed_file_that_was_spoilt_is_built_again_with_a_warning(
    store: Store, spoil: str
) -> None:
    step, stage = only(family(), "/flagship")
    first = make(step, "toys", stage, store).manifest
    path = store.folder(step.recipe.key) / "toy.txt"
    was = path.read_text()
    path.write_text(was.replace(was[0], "-")) if spoil == "alter" else path.unlink()
    warned: list[str] = []
    made = make(step, "toys", stage, store, warn=warned.append)
    assert made.how == "built"
    assert made.manifest.files == first.files
    assert path.read_text() == was
    expected = "toy.txt has digest" if spoil == "alter" else "toy.txt is missing"
    assert warned[0].startswith(f"family · flagship: {expected}")
    assert warned[0].endswith("; building it again")


def test_what_is_built_on_a_rebuilt_artifact_is_reused(store: Store) -> None:
    build(family(), store)
    (store.folder(store.head("toys")["mini/distill"]) / "toy.txt").write_text("x")
    assert build(family(), store) == ["mini/distill"]


# ---- a child process -----------------------------------------------------------------------


def test_a_heavy_stage_runs_in_a_process_of_its_own_with_the_allocator_s_settings(
    with_inputs: Store,
) -> None:
    manifest = make_one(with_inputs, responses="tells_its_process").manifest
    folder = with_inputs.folder(manifest.key)
    assert int((folder / "pid").read_text()) != os.getpid()
    assert (folder / "allocator").read_text() == str(2**32)
    assert not list((with_inputs.root / "scratch").iterdir())


def test_a_light_and_a_heavy_run_of_a_stage_make_the_same(
    with_inputs: Store, tmp_path: Path
) -> None:
    heavy = make_one(with_inputs, responses="toy").manifest
    light = Store(tmp_path / "light")
    build(family(), light)
    again = light.manifest(heavy.key)
    assert again
    assert heavy.digest == again.digest


def test_the_record_says_who_made_it(with_inputs: Store) -> None:
    step, stage = only(family(), responses="toy")
    made = make(step, "toys", stage, with_inputs, prefect_run_id="a run")
    origin = made.manifest.origin
    assert (origin.family, origin.tier, origin.step) == ("toys", "", "responses")
    assert origin.seconds > 0
    assert origin.started.endswith("+00:00")
    assert origin.seed == 0
    assert origin.prefect_run_id == "a run"
    assert origin.environment["python"] == sys.version.split()[0]
    assert {"processor", "processors", "memory_bytes"} <= origin.environment.keys()


def test_the_record_tells_the_energy_where_the_machine_does(
    with_inputs: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "powercap" / "intel-rapl:0"
    package.mkdir(parents=True)
    for name, text in (("name", "package-0"), ("energy_uj", "7"), ("max_energy_range_uj", "99")):
        (package / name).write_text(text)
    monkeypatch.setattr("family.run.Energy", partial(Energy, tmp_path / "powercap"))
    manifest = make_one(with_inputs, responses="toy").manifest
    assert manifest.origin.energy_joules == 0.0  # the counter stood still
    assert Manifest.model_validate_json(manifest.model_dump_json()) == manifest


def test_what_was_built_is_kept_when_the_index_cannot_be_reached(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    step, stage = only(family(), "/flagship")
    monkeypatch.setenv("DESCENT_LINEAGE_URL", "postgresql://me@127.0.0.1:1/lineage")
    with pytest.raises(StoreError, match="the lineage index cannot be used: "):
        make(step, "toys", stage, store)
    monkeypatch.delenv("DESCENT_LINEAGE_URL")
    assert make(step, "toys", stage, store).how == "reused"
    assert Lineage(store).show("toys/flagship").key == step.recipe.key


def test_a_stage_s_progress_reaches_the_builder(with_inputs: Store) -> None:
    step, stage = only(family(), responses="reports")
    heard: list[Progress] = []
    make(step, "toys", stage, with_inputs, on_progress=heard.append)
    assert [progress.done for progress in heard] == [0, 1, 2, 3]
    assert heard[-1] == Progress(done=3, total=3, unit="steps", figures={"loss": 0.25})


# ---- what goes wrong -----------------------------------------------------------------------


def test_a_failed_stage_says_what_happened_and_seals_nothing(with_inputs: Store) -> None:
    with pytest.raises(StageError, match="responses failed: ValueError: three is not") as caught:
        make_one(with_inputs, responses="fails")
    text = str(caught.value)
    log = Path(text.partition("The log: ")[2].splitlines()[0])
    assert "a line for the log" in log.read_text()
    assert "Traceback" in log.read_text()
    assert "the same command goes on from there" in text
    assert sealed(with_inputs) == INPUTS


def test_what_the_user_can_mend_is_told_in_the_stage_s_own_words(with_inputs: Store) -> None:
    with pytest.raises(DescentError, match=r"^family · responses: none of 3.*corpus\.block\.$"):
        make_one(with_inputs, responses="refuses")


def test_a_failed_stage_in_this_process_is_told_like_one_in_a_child(with_inputs: Store) -> None:
    step, stage = only(family(), responses="fails")
    with pytest.raises(StageError, match="responses failed: ValueError: three is not") as caught:
        make(step, "toys", replace(stage, heavy=False), with_inputs)
    log = Path(str(caught.value).partition("The log: ")[2].splitlines()[0])
    assert "Traceback" in log.read_text()
    assert sealed(with_inputs) == INPUTS


def test_a_killed_child_is_told_as_such(with_inputs: Store) -> None:
    with pytest.raises(StageError, match="ended by SIGKILL, which is what the kernel does when"):
        make_one(with_inputs, responses="dies")
    assert sealed(with_inputs) == INPUTS
    assert make_one(with_inputs, responses="toy").how == "built"


def test_a_child_that_leaves_without_a_word_is_told_by_its_code(with_inputs: Store) -> None:
    with pytest.raises(StageError, match="its process ended with code 7"):
        make_one(with_inputs, responses="exits")


def test_half_done_work_is_thrown_away_unless_the_stage_resumes(with_inputs: Store) -> None:
    step, stage = only(family(), "/corpus", corpus="toy")
    build(family(), with_inputs)
    left = with_inputs.scratch(step.recipe.key, keep=False) / "half.txt"
    left.write_text("half")
    (with_inputs.folder(step.recipe.key) / "toy.txt").unlink()
    made = make(step, "toys", stage, with_inputs, warn=lambda text: None)
    assert "half.txt" not in made.manifest.files


# ---- a killed builder ----------------------------------------------------------------------

BUILD = """
import sys
from pathlib import Path
from family.store import Store
from tests.toys import make_one
with Store(Path(sys.argv[1])).lock("toys"):
    make_one(Store(Path(sys.argv[1])), responses=sys.argv[2])
"""


@pytest.fixture
def builder(with_inputs: Store) -> Iterator[Builder]:
    """Starts a builder in another process, and comes back when its child is in mid-work."""
    started: list[subprocess.Popen[str]] = []

    def start(toy: str) -> "subprocess.Popen[str]":
        process = subprocess.Popen(
            [sys.executable, "-c", BUILD, str(with_inputs.root), toy],
            stderr=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        wait_for((scratch(with_inputs) / "pid").exists, "the child to begin")
        wait_for(lambda: child_of(with_inputs) > 0, "the child's pid")
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


def child_of(store: Store) -> int:
    return int((scratch(store) / "pid").read_text() or 0)


def test_a_killed_builder_leaves_nothing_sealed_and_its_child_ends(
    with_inputs: Store, builder: Builder
) -> None:
    process = builder("lingers")
    child = child_of(with_inputs)
    assert is_alive(child)
    process.kill()
    process.wait()
    wait_for(lambda: not is_alive(child), "the child to end")
    assert sealed(with_inputs) == INPUTS
    with with_inputs.lock("toys", wait=False):
        assert make_one(with_inputs, responses="toy").how == "built"
    assert not scratch(with_inputs).exists()


def test_a_stage_that_resumes_goes_on_after_its_builder_was_killed(
    with_inputs: Store, builder: Builder
) -> None:
    process = builder("resumes")
    child = child_of(with_inputs)
    process.kill()
    process.wait()
    wait_for(lambda: not is_alive(child), "the child to end")
    assert (scratch(with_inputs) / "parts.txt").read_text().split() == [str(child)] * 2

    made = make_one(with_inputs, responses="resumes")
    parts = (with_inputs.folder(made.manifest.key) / "parts.txt").read_text().split()
    assert parts[:2] == [str(child)] * 2
    assert parts[2] != str(child)


def test_ctrl_c_ends_a_child_that_is_deaf_to_being_asked(
    with_inputs: Store, builder: Builder
) -> None:
    process = builder("lingers")
    child = child_of(with_inputs)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert "KeyboardInterrupt" in said
    assert not is_alive(child)
    assert sealed(with_inputs) == INPUTS


# ---- a full disk ---------------------------------------------------------------------------


@pytest.mark.parametrize("heavy", [True, False])
def test_a_full_disk_is_told_with_the_way_on(with_inputs: Store, heavy: bool) -> None:
    step, stage = only(family(), responses="meets_a_full_disk")
    with pytest.raises(DescentError, match=r"the disk is full \(\d+ MB free\).*make room"):
        make(step, "toys", replace(stage, heavy=heavy), with_inputs)
    assert sealed(with_inputs) == INPUTS


def test_a_store_on_a_disk_that_fills_up_stays_whole(small_disk: Path) -> None:
    store = Store(small_disk / "store")
    for name in INPUTS:
        step, stage = only(family(), f"/{name}")
        make(step, "toys", stage, store)
    with pytest.raises(DescentError, match="the disk is full"):
        make_one(store, responses="writes_a_lot")
    assert sealed(store) == INPUTS
    with pytest.raises(StoreError, match="the disk is full"):
        store.set_head("toys", {"step": "k" * 2**20})
    assert store.head("toys") == {}
