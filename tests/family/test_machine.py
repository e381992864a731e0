"""What is recorded of machine, code and energy, against folders laid out as Linux lays them out."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from family import machine
from family.machine import Energy, accelerator, commit, environment, processor

LIMIT = 1000


def zone(powercap: Path, name: str, microjoules: int, called: str = "package-0") -> Path:
    """A counter of the kernel's, which wraps around at `LIMIT` microjoules."""
    folder = powercap / name
    folder.mkdir(parents=True)
    for file, text in (("name", called), ("max_energy_range_uj", LIMIT)):
        (folder / file).write_text(f"{text}\n")
    count(folder, microjoules)
    return folder


def count(folder: Path, microjoules: int) -> None:
    # At once, as the kernel tells it: whoever looks meanwhile sees the old count or the new.
    (folder / "part").write_text(f"{microjoules}\n")
    (folder / "part").replace(folder / "energy_uj")


@pytest.fixture
def powercap(tmp_path: Path) -> Path:
    return tmp_path / "powercap"


# ---- energy --------------------------------------------------------------------------------


def test_energy_is_what_the_counters_went_on_in_joules(powercap: Path) -> None:
    zone(powercap, "intel-rapl:0", 0)
    (powercap / "intel-rapl:0" / "max_energy_range_uj").write_text("262143328850")
    with Energy(powercap) as energy:
        count(powercap / "intel-rapl:0", 12_340_000)
    assert energy.joules() == 12.3


def microjoules(energy: Energy) -> float:
    """As the counters have them; the record rounds to a tenth of a joule."""
    energy.look()
    return energy.microjoules


def test_a_counter_that_wraps_around_goes_on(powercap: Path) -> None:
    package = zone(powercap, "intel-rapl:0", 900)
    energy = Energy(powercap)
    count(package, 950)
    assert microjoules(energy) == 50
    count(package, 30)
    assert microjoules(energy) == 50 + (LIMIT - 950) + 30


def test_packages_add_up_and_their_parts_and_doubles_are_left_out(powercap: Path) -> None:
    counted = [zone(powercap, f"intel-rapl:{place}", 0, f"package-{place}") for place in (0, 1)]
    others = [
        zone(powercap, "intel-rapl:0:0", 0, "core"),
        zone(powercap, "intel-rapl:2", 0, "psys"),
        zone(powercap, "intel-rapl-mmio:0", 0),
        zone(powercap, "dtpm", 0),
    ]
    energy = Energy(powercap)
    for place, folder in enumerate(counted):
        count(folder, 100 + place)
    for folder in others:
        count(folder, 500)
    assert microjoules(energy) == 201


def test_counters_are_looked_at_meanwhile_so_that_none_wraps_twice(
    powercap: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = zone(powercap, "intel-rapl:0", 0)
    monkeypatch.setattr(Energy, "EVERY", 0.001)
    with Energy(powercap) as energy:
        for total in range(600, 3001, 600):
            count(package, total % LIMIT)
            wait_for(lambda total=total: energy.microjoules == total)
    assert microjoules(energy) == 3000


@pytest.mark.parametrize("spoil", ["no folder", "no zones", "unreadable", "unreadable later"])
def test_energy_that_cannot_be_read_is_left_out(powercap: Path, spoil: str) -> None:
    if spoil == "no zones":
        powercap.mkdir()
    if spoil.startswith("unreadable"):
        package = zone(powercap, "intel-rapl:0", 5)
    if spoil == "unreadable":  # as for all but root
        (package / "energy_uj").unlink()
    with Energy(powercap) as energy:
        if spoil == "unreadable later":
            (package / "energy_uj").unlink()
            energy.look()
            count(package, 7)
    assert energy.joules() is None


def wait_for(condition: Callable[[], bool]) -> None:
    """At most ten seconds."""
    for _ in range(10_000):
        if condition():
            return
        machine.Event().wait(0.001)
    raise AssertionError("it never came")


# ---- the machine and the code --------------------------------------------------------------


def test_the_environment_names_machine_packages_and_code() -> None:
    found = environment()
    assert found["python"] == sys.version.split()[0]
    assert found["processors"] == os.cpu_count()
    assert isinstance(found["memory_bytes"], int)
    assert found["memory_bytes"] > 2**28
    assert found["processor"]
    assert {"descent-family", "torch", "transformers", "onnxruntime"} <= found.keys()
    assert environment() == found


def test_the_processor_is_named_by_linux_or_by_its_kind(tmp_path: Path) -> None:
    path = tmp_path / "cpuinfo"
    path.write_text("processor\t: 0\nmodel name\t: AMD EPYC 7763 64-Core Processor\nflags\t: fpu\n")
    assert processor(path) == "AMD EPYC 7763 64-Core Processor"
    path.write_text("processor\t: 0\nBogoMIPS\t: 48.00\n")  # as on ARM
    assert processor(path) == processor(tmp_path / "missing") != ""


def test_accelerators_are_named_by_their_driver(tmp_path: Path) -> None:
    assert accelerator(tmp_path / "gpus") is None
    for place, name in enumerate(("NVIDIA H100 80GB HBM3", "NVIDIA H100 80GB HBM3", "NVIDIA L4")):
        folder = tmp_path / "gpus" / f"0000:0{place}:00.0"
        folder.mkdir(parents=True)
        (folder / "information").write_text(f"Model: \t\t {name}\nIRQ:   \t\t 16\n")
    assert accelerator(tmp_path / "gpus") == "2 × NVIDIA H100 80GB HBM3, NVIDIA L4"


def test_the_commit_is_told_for_a_checkout_and_whether_it_was_changed(tmp_path: Path) -> None:
    assert commit(tmp_path) is None

    def git(*words: str) -> str:
        who = ["-c", "user.name=Ada", "-c", "user.email=ada@example.org"]
        command = ["git", "-C", str(tmp_path), *who, *words]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()

    git("init")
    (tmp_path / "code.py").write_text("1\n")
    git("add", "code.py")
    git("commit", "-m", "Begin")
    git("tag", "-a", "v1", "-m", "one")
    assert commit(tmp_path) == git("rev-parse", "HEAD")
    (tmp_path / "code.py").write_text("2\n")
    assert commit(tmp_path) == git("rev-parse", "HEAD") + "-dirty"
    (tmp_path / "installed").mkdir()
    assert commit(tmp_path / "installed") is None  # another's checkout around it tells nothing


def test_without_git_there_is_no_commit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / ".git").mkdir()
    assert commit(tmp_path) is None
    monkeypatch.setenv("PATH", "")
    assert commit(tmp_path) is None
