"""Which machine, packages and code made an artifact, and what energy that took: for the record.

No key depends on any of it.
"""

import os
import platform
import re
import shutil
import subprocess
from contextlib import suppress
from functools import cache
from importlib import metadata
from pathlib import Path
from threading import Event, Lock, Thread

from family.stage import Scalar

PACKAGES = ("descent-family", "torch", "transformers", "onnxruntime", "onnxruntime-genai")
ROOT = Path(__file__).parent.parent
CPUINFO = Path("/proc/cpuinfo")
NVIDIA = Path("/proc/driver/nvidia/gpus")
POWERCAP = Path("/sys/class/powercap")


@cache
def environment() -> dict[str, Scalar]:
    """The machine, the packages and the code; what cannot be told is left out."""
    found: dict[str, Scalar | None] = {
        "python": platform.python_version(),
        "platform": platform.platform(),
        "processor": processor(),
        "processors": os.cpu_count() or 0,
        "memory_bytes": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"),
        "accelerator": accelerator(),
        "commit": commit(),
    }
    for name in PACKAGES:
        with suppress(metadata.PackageNotFoundError):
            found[name] = metadata.version(name)
    return {name: value for name, value in found.items() if value is not None}


def processor(cpuinfo: Path = CPUINFO) -> str:
    """The processor's model: `AMD EPYC 7763 64-Core Processor`; its kind where Linux is silent."""
    with suppress(OSError):
        if named := re.search(r"^model name\s*:\s*(.+)$", cpuinfo.read_text(), re.MULTILINE):
            return named[1].strip()
    return platform.processor() or platform.machine()


def accelerator(gpus: Path = NVIDIA) -> str | None:
    """`NVIDIA H100 80GB HBM3`, or `8 × ` that; None if the driver shows none.

    Asked of the driver's files, since to ask torch takes seconds."""
    names = []
    for path in sorted(gpus.glob("*/information")):
        with suppress(OSError):
            if named := re.search(r"^Model:\s*(.+)$", path.read_text(), re.MULTILINE):
                names.append(named[1].strip())
    kinds = [
        f"{names.count(name)} × {name}" if names.count(name) > 1 else name
        for name in dict.fromkeys(names)
    ]
    return ", ".join(kinds) or None


def commit(root: Path = ROOT) -> str | None:
    """The commit that the code was run from, `-dirty` if it was changed since.

    None if `root` is no checkout, as for an installed package, or there is no git to ask.
    """
    if not (root / ".git").exists() or not shutil.which("git"):
        return None
    ask = ["git", "-C", str(root), "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"]
    said = subprocess.run(ask, capture_output=True, text=True)
    return said.stdout.strip() or None


class Energy:
    """Counts the joules that the machine's processors take while it is entered.

    Reads the counters that Linux keeps of each processor package (RAPL); whatever else the
    machine does at the time is counted too. The counters wrap around, some within minutes, so
    they are looked at twice a minute.
    https://www.kernel.org/doc/html/latest/power/powercap/powercap.html
    """

    EVERY = 30.0

    def __init__(self, powercap: Path = POWERCAP) -> None:
        # `intel-rapl:0` is a package (of AMD's too); `intel-rapl:0:1` is a part of it, and
        # `intel-rapl-mmio:0` counts it again. So does a zone called psys, for the whole board.
        zones = (path for path in powercap.glob("intel-rapl:*") if path.name.count(":") == 1)
        self._zones = [path for path in sorted(zones) if _text(path / "name") != "psys"]
        self._lock, self._ended = Lock(), Event()
        self.microjoules = 0
        self._last = self._read()

    def __enter__(self) -> "Energy":
        if self._last:
            Thread(target=self._watch, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()

    def joules(self) -> float | None:
        """Since the counters were first read; None where they cannot be read."""
        self.look()
        return round(self.microjoules / 1e6, 1) if self._last else None

    def look(self) -> None:
        """Add what the counters went on since the last look."""
        with self._lock:
            now = self._read()
            if self._last and now:
                for zone, (count, limit) in now.items():
                    went = count - self._last[zone][0]
                    self.microjoules += went if went >= 0 else went + limit
            self._last = self._last and now

    def _watch(self) -> None:
        while not self._ended.wait(self.EVERY):
            self.look()

    def _read(self) -> dict[Path, tuple[int, int]] | None:
        """Each package's counter and where it wraps around, in microjoules.

        None if there is none, or one cannot be read; mostly only root may."""
        try:
            return {
                zone: (
                    int((zone / "energy_uj").read_text()),
                    int((zone / "max_energy_range_uj").read_text()),
                )
                for zone in self._zones
            } or None
        except (OSError, ValueError):
            return None


def _text(path: Path) -> str:
    with suppress(OSError):
        return path.read_text().strip()
    return ""
