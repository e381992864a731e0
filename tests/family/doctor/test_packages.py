"""Packages against what descent's own metadata asks for."""

from collections.abc import Callable
from importlib import metadata
from pathlib import Path

import pytest

from family.doctor.findings import Finding
from family.doctor.packages import packages, torch_build

Installed = Callable[..., dict[str, Finding]]


@pytest.fixture
def asking(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Installed:
    """What is found if descent asks for these packages."""

    def ask(
        *requirements: str, python: str = ">=3.11", extras: tuple[str, ...] = ()
    ) -> dict[str, Finding]:
        folder = tmp_path / "descent_family-9.9.dist-info"
        folder.mkdir()
        lines = ["Metadata-Version: 2.4", "Name: descent-family", "Version: 9.9"]
        lines += [f"Requires-Python: {python}", *(f"Provides-Extra: {one}" for one in extras)]
        lines += [f"Requires-Dist: {one}" for one in requirements]
        (folder / "METADATA").write_text("\n".join(lines))
        monkeypatch.syspath_prepend(str(tmp_path))
        return {one.check: one for one in packages()}

    return ask


def test_what_is_installed_here_is_what_is_asked_for() -> None:
    found = {one.check: one for one in packages()}
    assert {one.status for one in found.values()} == {"ok"}
    assert f"prefect {metadata.version('prefect')}" in found["versions"].found
    assert metadata.version("torch") in found["torch"].found


def test_a_package_of_another_version_is_told_with_the_command_that_mends_it(
    asking: Installed,
) -> None:
    found = asking("click>=99", "psutil>=6")
    there = metadata.version("click")
    assert found["click"].status == "fail"
    assert found["click"].found == f"{there}, and >=99 is asked for"
    assert found["click"].fix == "pip install 'click>=99'"
    assert "psutil" not in found


def test_a_package_that_is_not_installed_is_told(asking: Installed) -> None:
    found = asking("no-such-package[fast]>=1")
    assert found["no-such-package"].found == "not installed, and >=1 is asked for"
    assert found["no-such-package"].fix == "pip install 'no-such-package[fast]>=1'"


def test_a_package_for_another_system_is_not_asked_for(asking: Installed) -> None:
    found = asking('no-such-package>=1; sys_platform == "beos"')
    assert found["versions"].found.startswith("all 0 are as asked for")


def test_another_python_is_told(asking: Installed) -> None:
    assert asking(python=">=4")["python"].fix == "Install Python >=4."


def test_extras_that_are_not_there_come_with_one_command(asking: Installed) -> None:
    found = asking(
        "click; extra == 'words'",
        "no-such-package>=1; extra == 'clouds'",
        "descent-family[words]; extra == 'dev'",
        extras=("words", "clouds", "dev"),
    )
    assert found["extras"].status == "ok"
    assert found["extras"].found == "words, dev; not installed: clouds"
    assert found["extras"].fix == "pip install 'descent-family[clouds]'"


def test_an_extra_of_an_old_version_is_to_be_looked_at(asking: Installed) -> None:
    found = asking("click>=99; extra == 'words'", extras=("words",))
    assert found["extras"].status == "warn"
    assert ">=99 is asked for" in found["extras"].found


def test_an_accelerator_that_pytorch_is_not_built_for_stands_idle() -> None:
    here = metadata.version("torch")
    found = torch_build("NVIDIA H100 80GB HBM3")
    if "+cu" in here:
        pytest.skip("PyTorch is built for CUDA here")
    assert found.status == "warn"
    assert "NVIDIA H100 80GB HBM3 stands idle" in found.found


def test_a_descent_that_is_not_installed_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("family.doctor.packages.ITSELF", "descent-of-nobody")
    (found,) = packages()
    assert (found.check, found.status) == ("descent", "fail")
