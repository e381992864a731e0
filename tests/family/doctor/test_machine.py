"""What is said of machines that lack something."""

import resource
from pathlib import Path

import pytest

from family.doctor.machine import FILES, allocator, disk, files, machine, memory, processors, tools
from family.estimate import NOTHING

GIGABYTE = 10**9


def test_this_machine_is_told_in_six_findings(tmp_path: Path) -> None:
    found = list(machine(tmp_path / "store"))
    assert [one.check for one in found] == [
        *("processor", "memory", "disk", "open files", "allocator", "tools"),
    ]
    assert all(one.found for one in found)


@pytest.mark.parametrize(
    ("available", "status"), [(8, "ok"), (5, "warn")], ids=["free", "held by others"]
)
def test_memory_is_held_against_the_largest_step(available: int, status: str) -> None:
    plan = NOTHING.model_copy(update={"peak_memory_bytes": 7 * GIGABYTE})
    found = memory(available * GIGABYTE, 8 * GIGABYTE, plan)
    assert found.status == status
    assert "the largest step of the build needs about 7 GB" in found.found


def test_a_step_larger_than_the_machine_is_a_fault_that_names_settings() -> None:
    plan = NOTHING.model_copy(update={"peak_memory_bytes": 90 * GIGABYTE})
    found = memory(8 * GIGABYTE, 8 * GIGABYTE, plan)
    assert found.status == "fail"
    assert "`distill.optimizer: adamw_8bit`" in found.fix


def test_a_disk_too_small_for_the_build_is_a_fault(tmp_path: Path) -> None:
    plan = NOTHING.model_copy(update={"disk_bytes": 10**18})
    found = disk(tmp_path / "not" / "yet", plan)
    assert found.status == "fail"
    assert f"free at {tmp_path}; the build leaves about" in found.found
    assert "--store" in found.fix


def test_a_small_disk_is_a_fault_without_a_plan_too(small_disk: Path) -> None:
    assert disk(small_disk, None).status == "fail"


def test_few_open_files_are_mended_by_a_command() -> None:
    found = files(256)
    assert (found.status, found.found) == ("warn", "256 at most")
    assert found.fix.startswith(f"ulimit -n {FILES}")
    assert files(FILES).status == files(resource.RLIM_INFINITY).status == "ok"


def test_an_allocator_that_gives_memory_back_is_told() -> None:
    assert allocator("glibc").status == "ok"
    assert "jemalloc" in allocator("musl").fix


def test_training_in_bf16_on_a_processor_without_it_is_told(tmp_path: Path) -> None:
    old = tmp_path / "cpuinfo"
    old.write_text("model name : Toy 1\nflags : sse2 avx2\n")
    found = processors(old, trains_in_bf16=True)
    assert found.status == "warn"
    assert "no instructions for bf16" in found.found
    assert "distill.precision: fp32" in found.fix
    assert processors(old).status == "ok"


@pytest.mark.parametrize("flag", ["amx_bf16", "avx512_bf16", "svebf16"])
def test_a_processor_that_is_quick_at_bf16_says_so(tmp_path: Path, flag: str) -> None:
    quick = tmp_path / "cpuinfo"
    quick.write_text(f"model name : Toy 2\nflags : sse2 {flag} avx2\n")
    found = processors(quick, trains_in_bf16=True)
    assert (found.status, "quick at bf16" in found.found) == ("ok", True)


def test_a_program_that_is_not_there_is_no_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    assert tools().status == "ok"
    assert tools().found.startswith("no git, which tells which commit made an artifact; no chromi")
