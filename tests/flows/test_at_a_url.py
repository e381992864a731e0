"""Two machines build and read one family, whose store is on a real S3 server."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from family.estimate import PlanReport
from family.load import load
from family.remote.place import CACHE
from family.store import Store
from flows.cli.main import cli
from flows.deployments import deployments
from tests.flows import runs

FamilyFile = Callable[..., Path]


@pytest.fixture
def on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """Runs `descent` as on the machine of a name."""

    def run(machine: str, *arguments: object) -> Result:
        monkeypatch.setenv(CACHE, str(tmp_path / machine))
        return CliRunner().invoke(cli, [str(one) for one in arguments], prog_name="descent")

    return run


def tiers(status: Result, folder: Path) -> object:
    """The tiers that a status tells of, wherever the folder is."""
    return json.loads(status.stdout.replace(str(folder), ""))["tiers"]


def test_a_second_machine_reuses_what_the_first_one_built(
    server: str, bucket: str, on: Callable[..., Result], family_file: FamilyFile, tmp_path: Path
) -> None:
    file = family_file()
    built = on("first", "build", file, "--store", bucket)
    assert built.exit_code == 0, built.output
    planned = on("second", "plan", file, "--store", bucket, "--json")
    report = PlanReport.model_validate_json(planned.stdout)
    assert {stage.status for stage in report.stages} == {"reused"}

    again = on("second", "build", file, "--store", bucket)
    assert again.exit_code == 0, again.output
    shared = runs.stages(runs.last("Build toys"), 7)
    assert {one.state_name for one in shared.values()} == {"Reused"}
    assert tiers(on("second", "status", "--store", bucket, "--json"), tmp_path / "second") == tiers(
        on("first", "status", "--store", bucket, "--json"), tmp_path / "first"
    )

    # From here on the folder knows its URL.
    assert on("second", "lineage", "show", "edge", "--store", tmp_path / "second").exit_code == 0
    indexed = [on(one, "lineage", "reindex", "--store", bucket) for one in ("first", "second")]
    assert indexed[0].stdout == indexed[1].stdout


def test_no_store_at_the_url_is_an_error_without_a_traceback(
    bucket: str, on: Callable[..., Result], family_file: FamilyFile
) -> None:
    result = on("first", "status", "--store", bucket)
    assert result.exit_code == 1
    assert result.stderr.startswith(f"error: {bucket}: there is no store here.")
    planned = on("first", "plan", family_file(), "--store", bucket)
    assert "31 stale" in planned.stdout


def test_deployments_name_the_url_and_not_the_folder_before_it(
    bucket: str, family_file: FamilyFile, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(CACHE, str(tmp_path / "first"))
    Store(bucket)
    file = family_file()
    for place in (Path(bucket), tmp_path / "first"):
        made = deployments(load(file), file, place)
        assert {one.parameters["store"] for one in made} == {bucket}
