"""Registering a family's flows for a work pool."""

import json
from pathlib import Path

import pytest

from flows.cli.deploying import found, on_pools
from flows.prefect_yaml import text
from tests.flows.family import TOYS
from tests.flows.lasting import ROOT, Lasting


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "toys.yaml"
    path.write_text(json.dumps({**TOYS, "family": "pooled", "rebuild": {"watch": "PT10M"}}))
    return path


FLOWS = {f"flows.{name}.{name}": name for name in ("rebuild", "release", "look")}


def test_a_pool_that_is_not_there_is_told_with_those_that_are(
    config: Path, lasting_server: Lasting
) -> None:
    said = lasting_server.descent("deploy", str(config), "--pool", "gpu")
    assert said.returncode == 1
    assert (
        "Prefect has no such work pool: rebuild.pool names gpu. There is none yet. Make it: "
        "prefect work-pool create gpu --type process" in said.stderr
    )

    lasting_server.prefect("work-pool", "create", "main", "--type", "process")
    said = lasting_server.descent("deploy", str(config), "--pool", "gpu")
    assert "rebuild.pool names gpu. There is main. Make it" in said.stderr


def test_the_flows_of_a_family_are_registered_for_its_pool(
    config: Path, lasting_server: Lasting
) -> None:
    lasting_server.prefect("work-pool", "create", "main", "--type", "process", "--overwrite")
    said = lasting_server.descent("deploy", str(config), "--pool", "main")
    assert said.returncode == 0, said.stderr
    for flow in ("rebuild", "release", "look"):
        assert f"{flow}/pooled is deployed to main" in said.stdout
        with lasting_server.client() as client:
            assert client.read_deployment_by_name(f"{flow}/pooled").work_pool_name == "main"


def test_without_a_pool_the_error_names_the_way_without_one(
    config: Path, lasting_server: Lasting
) -> None:
    said = lasting_server.descent("deploy", str(config))
    assert said.returncode == 1
    assert "rebuild.pool: no work pool is named." in said.stderr
    assert "descent serve" in said.stderr


def test_without_a_server_the_error_says_how_to_name_one(config: Path, tmp_path: Path) -> None:
    alone = Lasting("", tmp_path)
    said = alone.descent("deploy", str(config), "--pool", "main")
    assert said.returncode == 1
    assert "This needs a Prefect server that stays." in said.stderr


def test_a_prefect_yaml_registers_what_deploying_does(
    tmp_path: Path, lasting_server: Lasting
) -> None:
    lasting_server.prefect("work-pool", "create", "main", "--type", "process", "--overwrite")
    cron = {"kind": "cron", "cron": "0 3 * * 1-5", "timezone": "Europe/Berlin"}
    kept = {"watch": "PT10M", "schedule": cron, "overlap": "queue", "after": ["others"]}
    config = tmp_path / "yaml.yaml"
    config.write_text(json.dumps({**TOYS, "family": "written", "rebuild": kept}))
    deploy = ("deploy", str(config), "--store", str(tmp_path / "store"), "--pool", "main")

    def registered() -> list[dict[str, object]]:
        kept = {"name", "tags", "parameters", "entrypoint", "concurrency_limit", "description"}
        with lasting_server.client() as client:
            found = [
                client.read_deployment_by_name(f"{flow}/written")
                for flow in ("rebuild", "release", "look")
            ]
        return [
            one.model_dump(include=kept)
            | {
                "schedules": [
                    each.schedule.model_dump(exclude={"anchor_date"})
                    for each in one.schedules
                    if each.schedule
                ]
            }
            for one in found
        ]

    assert lasting_server.descent(*deploy).returncode == 0
    ours = registered()
    for one in ours:
        lasting_server.prefect("deployment", "delete", f"{FLOWS[one['entrypoint']]}/written")
    said = lasting_server.descent(*deploy, "-o", str(tmp_path / "prefect.yaml"))
    assert "has 3 deployments: prefect deploy --all" in said.stdout, said.stderr
    lasting_server.prefect("--no-prompt", "deploy", "--all", cwd=tmp_path)
    theirs = registered()
    for one in theirs:
        one["parameters"] = {
            name: str(tmp_path / value) if name in ("config", "store") else value
            for name, value in one["parameters"].items()
        }
    assert theirs == ours


def test_the_projects_own_prefect_yaml_is_what_the_command_in_it_writes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(ROOT)
    kept, config = Path("prefect.yaml").read_text(), Path("configs/quickstart.yaml")
    command = kept.splitlines()[0].removeprefix("# Written by: ")
    assert command == f"descent deploy {config} --pool main -o prefect.yaml"
    spec, made = found(config, Path(".descent"))
    assert text(on_pools(spec, made, "main", config), command, ROOT) == kept
