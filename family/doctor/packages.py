"""Whether what is installed is what descent asks for: read from its own metadata."""

import platform
import runpy
from collections.abc import Iterator
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

from family.doctor.findings import Area, Finding
from family.machine import PACKAGES, accelerator

ITSELF = "descent-family"
AREA = Area("packages")


def packages() -> Iterator[Finding]:
    """Look at Python and at each package that descent asks for, then at the extras."""
    try:
        ours = metadata.metadata(ITSELF)
    except metadata.PackageNotFoundError:
        yield AREA.fail(
            "descent",
            f"{ITSELF} is not installed, so nobody knows what it needs",
            f"pip install -e . in its checkout, or pip install {ITSELF}",
        )
        return
    yield _python(ours["Requires-Python"])
    asked = [Requirement(one) for one in metadata.requires(ITSELF) or ()]
    needed = [one for one in asked if _applies(one)]
    faults = {one: fault for one in needed if (fault := fault_of(one))}
    if not faults:
        yield AREA.ok("versions", f"all {len(needed)} are as asked for: {_main()}")
    for one, fault in faults.items():
        yield AREA.fail(one.name, fault, f"pip install '{bare(one)}'")
    yield _extras({name: _of_extra(asked, name) for name in ours.get_all("Provides-Extra") or ()})
    yield torch_build()


def fault_of(one: Requirement) -> str | None:
    """What is wrong with what is installed of a package; None if nothing is."""
    try:
        there = metadata.version(one.name)
    except metadata.PackageNotFoundError:
        return f"not installed, and {one.specifier or 'any version'} is asked for"
    if one.specifier.contains(there, prereleases=True):
        return None
    return f"{there}, and {one.specifier} is asked for"


def bare(one: Requirement) -> str:
    """A requirement as pip takes it, without the extra that asks for it."""
    extras = f"[{','.join(sorted(one.extras))}]" if one.extras else ""
    return f"{one.name}{extras}{one.specifier}"


def torch_build(gpus: str | None = None) -> Finding:
    """Whether PyTorch is built for the accelerator that is there; it is not imported for that."""
    spec = find_spec("torch")
    if spec is None or not spec.origin:
        return AREA.fail("torch", "not installed", "pip install torch")
    built = runpy.run_path(str(Path(spec.origin).with_name("version.py")))
    gpus = gpus or accelerator()
    what = f"{built['__version__']}, built for "
    what += f"CUDA {built['cuda']}" if built.get("cuda") else "processors alone"
    if gpus and not built.get("cuda") and not built.get("hip"):
        return AREA.warn(
            "torch",
            f"{what}, and {gpus} stands idle",
            "Install a build for your driver: https://pytorch.org/get-started/locally/",
        )
    return AREA.ok("torch", what)


def _python(asked: str) -> Finding:
    here = platform.python_version()
    if SpecifierSet(asked).contains(here, prereleases=True):
        return AREA.ok("python", here)
    return AREA.fail("python", f"{here}, and {asked} is asked for", f"Install Python {asked}.")


def _applies(one: Requirement, extra: str = "") -> bool:
    return one.marker is None or one.marker.evaluate({"extra": extra})


def _of_extra(asked: list[Requirement], extra: str) -> list[Requirement]:
    """What an extra asks for besides what everybody needs; extras that it names are others."""
    return [
        one for one in asked if _applies(one, extra) and not _applies(one) and one.name != ITSELF
    ]


def _extras(asked: dict[str, list[Requirement]]) -> Finding:
    faults = {
        name: [f"{one.name} {fault}" for one in of if (fault := fault_of(one))]
        for name, of in asked.items()
    }
    missing = [name for name in asked if faults[name]]
    install = f"pip install '{ITSELF}[{','.join(missing)}]'" if missing else ""
    old = [fault for of in faults.values() for fault in of if "not installed" not in fault]
    if old:
        return AREA.warn("extras", "; ".join(dict.fromkeys(old)), install)
    there = ", ".join(name for name in asked if name not in missing) or "none"
    lacks = f"; not installed: {', '.join(missing)}" if missing else ""
    return AREA.ok("extras", f"{there}{lacks}", install)


def _main() -> str:
    return ", ".join(f"{name} {metadata.version(name)}" for name in (*PACKAGES[1:], "prefect"))
