"""Whether the machine is one that families can be built on, and this family if one is named."""

import os
import platform
import re
import resource
import shutil
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psutil

from family.doctor.findings import Area, Finding
from family.estimate import Estimate
from family.lineage.words import size
from family.machine import CPUINFO, accelerator, processor

MACHINE = Area("machine")
#: Files that a process may have open: below it, many tiers and a database run out of them.
FILES = 1024
#: Bytes of disk below which nothing worth keeping can be built.
ROOM = 2_000_000_000
#: What limits the memory of a container: of version 2 of the kernel's control groups, and of 1.
LIMITS = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")
#: Processors that multiply bfloat16 themselves say so by one of these.
BF16 = re.compile(r"\b(amx_bf16|avx512_bf16|bf16|svebf16)\b")
#: What is used where it is there, and for what.
TOOLS = {
    "git": "tells which commit made an artifact",
    "chromium": "opens pages in tests",
}


def machine(
    root: Path, plan: Estimate | None = None, *, trains_in_bf16: bool = False
) -> Iterator[Finding]:
    """Look at the machine. `plan` is what a build of a family into the store `root` will cost."""
    yield processors(trains_in_bf16=trains_in_bf16)
    here = psutil.virtual_memory()
    yield memory(here.available, min(here.total, _limit() or here.total), plan)
    yield disk(root, plan)
    yield files(resource.getrlimit(resource.RLIMIT_NOFILE)[0])
    yield allocator(platform.libc_ver()[0])
    yield tools()


def processors(cpuinfo: Path = CPUINFO, *, trains_in_bf16: bool = False) -> Finding:
    """The processor, and whether it is quick at bfloat16."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    what = f"{processor(cpuinfo)}, {cores} cores" if cores != 1 else f"{processor(cpuinfo)}, 1 core"
    if gpus := accelerator():
        return MACHINE.ok("processor", f"{gpus}; {what}")
    with suppress(OSError):
        if BF16.search(cpuinfo.read_text()):
            return MACHINE.ok("processor", f"{what}, quick at bf16")
    slow = f"{what}, which has no instructions for bf16"
    if not trains_in_bf16:
        return MACHINE.ok("processor", slow)
    return MACHINE.warn(
        "processor", slow, "Training in bf16 is slow here. Set `distill.precision: fp32`."
    )


def memory(available: int, total: int, plan: Estimate | None) -> Finding:
    """Whether the largest step of a plan has room; bytes."""
    has = f"{size(available)} free of {size(total)}"
    peak = plan.peak_memory_bytes if plan else None
    if not peak:
        return MACHINE.ok("memory", has)
    needs = f"{has}; the largest step of the build needs about {size(peak)}"
    if peak > total:
        return MACHINE.fail(
            "memory",
            needs,
            "Take a machine with more, `distill.optimizer: adamw_8bit`, or a smaller "
            "`distill.batch` or `corpus.block`. `descent plan` tells which step it is.",
        )
    if peak > available:
        return MACHINE.warn("memory", needs, "End what else holds memory before you build.")
    return MACHINE.ok("memory", needs)


def disk(root: Path, plan: Estimate | None) -> Finding:
    """Whether what a plan leaves has room where the store is, or will be."""
    where = next(path for path in (root, *root.absolute().parents) if path.is_dir())
    free = shutil.disk_usage(where).free
    has = f"{size(free)} free at {where}"
    asked = plan.disk_bytes if plan else None
    needs = f"{has}; the build leaves about {size(asked)}" if asked else has
    if free < max(ROOM, asked or 0):
        return MACHINE.fail("disk", needs, "Make room, or point --store at a larger disk.")
    return MACHINE.ok("disk", needs)


def files(most: int) -> Finding:
    """How many files a process may have open."""
    if most == resource.RLIM_INFINITY:
        return MACHINE.ok("open files", "as many as are asked for")
    if most < FILES:
        return MACHINE.warn(
            "open files", f"{most} at most", f"ulimit -n {FILES}, in the shell that builds"
        )
    return MACHINE.ok("open files", f"{most} at most")


def allocator(libc: str) -> Finding:
    """Whether training keeps its memory from step to step; see `family.child.ALLOCATOR`."""
    if libc == "glibc":
        return MACHINE.ok("allocator", "glibc, told to keep memory in every training")
    return MACHINE.warn(
        "allocator",
        f"{libc or 'another than glibc'}, which hands memory back at every step",
        "Training is about 1.6 times slower for it. Preload jemalloc: "
        "LD_PRELOAD=libjemalloc.so.2 descent build CONFIG",
    )


def tools() -> Finding:
    """Programs that are used if they are there."""
    lacks = [f"{name}, which {use}" for name, use in TOOLS.items() if not shutil.which(name)]
    there = f"no {'; no '.join(lacks)}" if lacks else " and ".join(TOOLS)
    return MACHINE.ok("tools", f"{there} (none is required)")


def _limit() -> int | None:
    """Of this container's memory, in bytes; None where there is none."""
    for path in map(Path, LIMITS):
        with suppress(OSError, ValueError):
            return int(path.read_text())
    return None
