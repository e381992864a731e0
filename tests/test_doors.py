"""Who may import whom, as the design has it: each module alone, in a fresh process."""

import ast
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
HEAVY = {"torch", "transformers", "onnx", "onnxruntime", "onnxruntime_genai", "prefect"}


def modules(*folders: str) -> list[str]:
    paths = (path for folder in folders for path in sorted(ROOT.glob(folder)))
    names = (path.relative_to(ROOT).with_suffix("").as_posix().replace("/", ".") for path in paths)
    return [name.removesuffix(".__init__") for name in names]


GROUND = (
    "family/*.py",
    "family/doctor/*.py",
    "family/drawing/*.py",
    "family/licences/*.py",
    "family/scale/*.py",
    "family/lineage/*.py",
    "family/remote/*.py",
    "family/spec/*.py",
    "family/lineage/notes/*.py",
    "family/lineage/page/*.py",
    "family/release/*.py",
)
LOW = [
    *modules(*GROUND),
    "family.parallel.node",
    "family.parallel.pieces",
    "export.targets",
    "flows.stages",
]
MIDDLE = modules(
    *(f"family/{part}/*.py" for part in ("teacher", "corpus", "signal", "student", "distill")),
    "family/evaluate/*.py",
    "family/parallel/*.py",
)
EXPORT = modules("export/*.py", "export/classes/*.py")


def loaded_by(module: str) -> set[str]:
    """Every module that is loaded once `module` is."""
    code = f"import json, sys, {module}; print(json.dumps(sorted(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
    )
    return set(json.loads(done.stdout.splitlines()[-1]))


def imported_by(module: str) -> set[str]:
    """Every module of ours that the source names, in functions too."""
    path = ROOT / (module.replace(".", "/") + ".py")
    if not path.exists():
        path = ROOT / module.replace(".", "/") / "__init__.py"
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module, *(f"{node.module}.{name.name}" for name in node.names)}
        elif isinstance(node, ast.Import):
            found |= {name.name for name in node.names}
    return found


def within(found: set[str], *packages: str) -> set[str]:
    return {name for name in found for package in packages if f"{name}.".startswith(f"{package}.")}


@pytest.mark.parametrize("module", LOW)
def test_starts_without_a_heavy_library(module: str) -> None:
    assert within(loaded_by(module), *HEAVY, "fsspec") == set()


@pytest.mark.parametrize("module", modules(*GROUND))
def test_the_ground_names_no_heavy_library_and_neither_export_nor_flows(module: str) -> None:
    assert within(imported_by(module), *HEAVY, "export", "flows") == set()


@pytest.mark.parametrize("module", MIDDLE)
def test_a_stage_knows_nothing_of_planning_running_or_lineage(module: str) -> None:
    closed = ("family.plan", "family.run", "family.lineage", "export", "flows", "prefect")
    assert within(imported_by(module), *closed) == set()


@pytest.mark.parametrize("module", EXPORT)
def test_export_knows_only_the_family_s_common_words(module: str) -> None:
    ours = within(imported_by(module), "family")
    open_to_it = within(
        ours,
        "family.spec",
        "family.errors",
        "family.stage",
        "family.progress",
        "family.store",
        "family.evaluate.protocol",
        "family.evaluate.harness",
        "family.evaluate.retained",
        "family.evaluate.classes",
    )
    assert ours - open_to_it - {"family", "family.evaluate"} == set()
    assert within(imported_by(module), "flows", "prefect") == set()


@pytest.mark.parametrize("module", [*LOW[:-1], *MIDDLE, *EXPORT])
def test_nothing_imports_flows(module: str) -> None:
    assert within(imported_by(module), "flows") == set()


def test_help_starts_without_a_heavy_library() -> None:
    if not (ROOT / "flows/cli/main.py").exists():
        pytest.skip("there is no command line yet")
    assert within(loaded_by("flows.cli.main"), *HEAVY) == set()
