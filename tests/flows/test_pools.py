"""Stages on work pools: a real server, and a real worker for each of two pools."""

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from prefect.client.schemas.objects import FlowRun
from prefect.client.schemas.sorting import FlowRunSort

from family.lineage.queries import Lineage
from family.plan import steps
from family.remote.place import CACHE
from family.store import Store
from flows.pools import Order
from flows.stages import STAGES
from tests.flows import table
from tests.flows.family import changed
from tests.flows.lasting import ROOT, Lasting, until
from tests.flows.test_stopping import gone, until_training
from tests.toys import LEAVES, family

RUNS_ON = {"distill": "gpu", "verify": "edge"}
#: What the family has besides mini is of no interest here, and each order takes seconds.
DROPPED = ("nano", "edge")


def write(path: Path, runs_on: dict[str, str], **tiers: dict[str, Any]) -> Path:
    raw = {**changed(**tiers), "runs_on": runs_on}
    for name in DROPPED:
        del raw["tiers"][name]
    path.write_text(json.dumps(raw))
    return path


def ordered(server: Lasting, pool: str) -> list[FlowRun]:
    """The runs on a pool, the newest first."""
    newest = FlowRunSort.EXPECTED_START_TIME_DESC
    with server.client() as client:
        found = client.read_flow_runs(sort=newest, limit=100)
    return [run for run in found if run.work_pool_name == pool]


@pytest.fixture(scope="module")
def pools(lasting_server: Lasting, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lasting]:
    """The server, with a pool and a worker for training and for what is near devices."""
    logs = tmp_path_factory.mktemp("workers")
    environment = {
        **lasting_server.environment,
        "PREFECT_WORKER_QUERY_SECONDS": "1",
        CACHE: str(logs / "cache"),
    }
    workers = []
    with ExitStack() as opened:
        for pool in ("gpu", "edge"):
            command = [sys.executable, "-m", "prefect"]
            create = [*command, "work-pool", "create", pool, "--type", "process"]
            subprocess.run(create, env=environment, cwd=ROOT, check=True, capture_output=True)
            log = opened.enter_context((logs / pool).open("w"))
            start = [*command, "worker", "start", "--pool", pool]
            workers.append(
                subprocess.Popen(start, env=environment, cwd=ROOT, stdout=log, stderr=log)
            )
        yield lasting_server
        for worker in workers:
            worker.send_signal(signal.SIGINT)
        for worker in workers:
            worker.wait(60)


@pytest.fixture(scope="module")
def made(pools: Lasting, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store in which the pools had a part."""
    root = tmp_path_factory.mktemp("made")
    path = write(root / "toys.yaml", RUNS_ON)
    deployed = pools.descent("deploy", str(path), "--store", str(root / "store"))
    assert deployed.returncode == 0, deployed.stderr
    assert "stage/toys.edge is deployed to edge" in deployed.stdout
    assert "prefect worker start --pool gpu" in deployed.stdout
    done = pools.descent("build", str(path), "--store", str(root / "store"))
    assert done.returncode == 0, done.stderr
    return root / "store"


def test_pools_that_do_not_exist_are_found_at_deploy_time_with_those_that_do(
    pools: Lasting, tmp_path: Path
) -> None:
    path = write(tmp_path / "toys.yaml", {"distill": "gpus", "export": "shed", "verify": "edge"})
    done = pools.descent("deploy", str(path), "--store", str(tmp_path / "store"))
    assert done.returncode == 1
    told = " ".join(done.stderr.split())
    assert "runs_on.distill names gpus; runs_on.export names shed. There is edge, gpu" in told
    assert "prefect work-pool create gpus --type process" in told


def test_a_family_that_is_not_deployed_says_so_before_anything_is_built(
    pools: Lasting, tmp_path: Path
) -> None:
    path = write(tmp_path / "toys.yaml", RUNS_ON)
    path.write_text(path.read_text().replace('"family": "toys"', '"family": "strangers"'))
    done = pools.descent("build", str(path), "--store", str(tmp_path / "store"))
    assert done.returncode == 1
    assert "strangers is not deployed for edge, gpu" in done.stderr
    assert "descent deploy" in done.stderr
    assert not [*Store(tmp_path / "store").manifests()]


def test_each_stage_is_made_on_its_pool_and_is_the_same_as_made_at_home(
    pools: Lasting, made: Path, built: Path
) -> None:
    assert [run.name for run in ordered(pools, "gpu")] == ["Distil mini"]
    assert [run.name for run in ordered(pools, "edge")] == ["Verify the files of mini"]
    at_home = {one.key: one.digest for one in Store(built).manifests()}
    here = {one.key: one.digest for one in Store(made).manifests()}
    both = here.keys() & at_home.keys()  # a family of one tier has words and notices of its own
    assert {key: here[key] for key in both} == {key: at_home[key] for key in both}
    assert Store(made).head("toys")["mini/verify"] in both


def test_workers_with_folders_of_their_own_share_a_store_at_a_url(
    pools: Lasting, built: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(CACHE, str(tmp_path / "here"))
    url = f"file://{tmp_path / 'remote'}"
    path = write(tmp_path / "toys.yaml", RUNS_ON)
    for command in ("deploy", "build"):
        done = pools.descent(command, str(path), "--store", url)
        assert done.returncode == 0, done.stderr
    assert ordered(pools, "gpu")[0].parameters["store"] == url
    (mini,) = Lineage(here := Store(url)).status("toys").tiers
    assert mini.gate
    key = here.head("toys")["mini/distill"]
    made, at_home = here.manifest(key), Store(built).manifest(key)
    assert made
    assert at_home
    assert made.digest == at_home.digest


def test_what_is_sealed_is_not_ordered_again(pools: Lasting, made: Path) -> None:
    before = len(ordered(pools, "gpu"))
    done = pools.descent("build", str(made.parent / "toys.yaml"), "--store", str(made))
    assert done.returncode == 0, done.stderr
    assert len(ordered(pools, "gpu")) == before


def test_what_goes_wrong_on_a_pool_is_told_as_if_it_had_gone_wrong_here(
    pools: Lasting, made: Path, tmp_path: Path
) -> None:
    path = write(tmp_path / "toys.yaml", RUNS_ON, mini={"distill": {"tokens": table.BROKEN}})
    done = pools.descent("build", str(path), "--store", str(tmp_path / "store"))
    assert done.returncode == 1
    assert "mini · distill failed: ValueError: three is not four" in done.stderr
    assert "A worker of pool gpu says so" in done.stderr
    assert "Traceback" not in done.stderr
    assert ordered(pools, "gpu")[0].state_name == "Failed"


def test_ctrl_c_cancels_what_was_ordered(pools: Lasting, made: Path, tmp_path: Path) -> None:
    store = tmp_path / "store"
    path = write(tmp_path / "toys.yaml", RUNS_ON, mini={"distill": {"tokens": table.ENDLESS}})
    command = [sys.executable, "-m", "tests.flows", "build", str(path), "--store", str(store)]
    build = subprocess.Popen(
        command, env=pools.environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    child = until_training(store, build)
    build.send_signal(signal.SIGINT)
    _, told = build.communicate(timeout=120)
    assert build.returncode == 130
    assert "What was sealed is kept; the same command goes on" in told
    assert "Traceback" not in told
    assert gone(child)
    run = ordered(pools, "gpu")[0]
    until(lambda: pools.run(run.id).state_name == "Cancelled" or None)


def test_a_build_that_was_killed_finds_its_order_again(
    pools: Lasting, made: Path, tmp_path: Path
) -> None:
    store = tmp_path / "store"
    path = write(tmp_path / "toys.yaml", RUNS_ON, mini={"distill": {"tokens": table.PAUSING}})
    command = [sys.executable, "-m", "tests.flows", "build", str(path), "--store", str(store)]
    build = subprocess.Popen(
        command, env=pools.environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    until_training(store, build)
    build.kill()
    build.communicate()
    before = len(ordered(pools, "gpu"))
    done = pools.descent("build", str(path), "--store", str(store))
    assert done.returncode == 0, done.stderr
    assert len(ordered(pools, "gpu")) == before


def test_an_order_is_the_same_step_again_where_it_is_read() -> None:
    for step in steps(family(), LEAVES, STAGES):
        order = Order.model_validate(json.loads(Order.of(step, "toys").model_dump_json()))
        assert order.step == step
