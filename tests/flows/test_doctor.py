"""`descent doctor`: what it says of Prefect and of a family, and how it ends."""

import json
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from importlib.util import find_spec
from pathlib import Path
from subprocess import DEVNULL, Popen
from threading import Thread
from typing import Any

import pytest
from click.testing import CliRunner, Result
from prefect.client.schemas.actions import WorkPoolCreate, WorkPoolUpdate
from prefect.settings import PREFECT_API_URL, temporary_settings

from family.doctor.findings import Checkup, Finding
from family.load import load
from family.remote.place import CACHE, remember
from flows.cli.main import cli
from flows.deployments import deployments
from flows.health import _is_one
from tests.flows.family import TOYS, changed
from tests.flows.lasting import ROOT, Lasting, until


def doctor(*arguments: object, url: str | None = None) -> Result:
    with temporary_settings({PREFECT_API_URL: url}):
        return CliRunner().invoke(cli, ["doctor", *(str(one) for one in arguments)])


def found(*arguments: object, url: str | None = None) -> dict[str, Finding]:
    said = doctor(*arguments, "--json", url=url)
    findings = Checkup.model_validate_json(said.stdout).findings
    return {f"{one.area}: {one.check}": one for one in findings}


def family(folder: Path, **others: Any) -> Path:
    path = folder / "toys.yaml"
    path.write_text(json.dumps({**TOYS, "family": "doctored", **others}))
    return path


NIGHTLY = {"schedule": {"kind": "cron", "cron": "0 3 * * *"}, "pool": "night"}


# ---- the command ---------------------------------------------------------------------------


def test_a_machine_on_which_all_is_well_ends_with_0(built: Path) -> None:
    said = doctor(built.parent / "toys.yaml", "--store", built)
    assert said.exit_code == 0, said.output
    assert "ok  family    plan        0 of 31 steps are to be built" in said.stdout
    assert said.stdout.splitlines()[-1].startswith("All is well: ")


def test_what_is_to_be_mended_ends_with_1_and_says_how(tmp_path: Path) -> None:
    said = doctor(tmp_path / "gone.yaml", "--store", tmp_path / "store")
    assert said.exit_code == 1
    lines = said.stdout.splitlines()
    (at,) = (number for number, line in enumerate(lines) if line.startswith("fail"))
    assert " ".join(lines[at].split()) == "fail family file there is no such file. Check the path."
    assert lines[at + 1].strip() == f"→ Mend {tmp_path / 'gone.yaml'}."
    assert lines[-1].startswith("1 to mend, 0 to look at, of ")
    assert not (tmp_path / "store").exists()


def test_inputs_that_are_gone_are_faults_of_the_family(tmp_path: Path) -> None:
    source = {"kind": "gguf", "path": "gone.gguf"}
    config = family(tmp_path, flagship={**changed()["flagship"], "source": source})
    seen = found(config, "--store", tmp_path / "store")["family: inputs"]
    assert seen.status == "fail"
    assert (
        seen.found == f"flagship.source.path: {tmp_path}/gone.gguf does not exist. Check the path."
    )


def test_a_token_is_told_of_and_never_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = family(tmp_path)
    monkeypatch.setenv("HF_TOKEN", "hf_sesame")
    said = doctor(config, "--store", tmp_path / "store").stdout
    assert "a token is there for toys/toy" in said
    assert "sesame" not in said


def test_an_environment_in_which_the_doctor_itself_lacks_something_is_told(tmp_path: Path) -> None:
    folder = tmp_path / "descent_family-9.9.dist-info"
    folder.mkdir()
    (folder / "METADATA").write_text(
        "Metadata-Version: 2.4\nName: descent-family\nVersion: 9.9\nRequires-Python: >=3.11\n"
        "Requires-Dist: no-such-package>=1\n"
    )
    code = (
        f"import sys; sys.path.insert(0, {str(tmp_path)!r}); sys.modules['psutil'] = None\n"
        "from flows.cli.main import cli; cli(['doctor', '--json'])"
    )
    said = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert said.returncode == 1
    told = Checkup.model_validate_json(said.stdout)
    (lacks,) = (one for one in told.findings if one.status == "fail")
    assert lacks.fix == "pip install 'no-such-package>=1'"


# ---- Prefect -------------------------------------------------------------------------------


def test_a_family_with_a_schedule_and_no_server_waits_in_vain(tmp_path: Path) -> None:
    seen = found(family(tmp_path, rebuild=NIGHTLY))["prefect: server"]
    assert seen.status == "warn"
    assert "nobody sees to rebuild.schedule, rebuild.pool" in seen.found
    assert seen.fix.startswith("prefect server start")


def test_a_server_that_refuses_is_told_within_seconds(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        url = f"http://127.0.0.1:{taken.getsockname()[1]}/api"
    begun = time.monotonic()
    seen = found("--store", tmp_path / "store", url=url)["prefect: server"]
    assert time.monotonic() - begun < 6
    assert seen.status == "fail"
    assert "does not answer ([Errno 111] Connection refused)" in seen.found
    assert "prefect server start" in seen.fix


def test_a_server_that_says_nothing_is_told_within_seconds(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/api"
        begun = time.monotonic()
        seen = found("--store", tmp_path / "store", url=url)["prefect: server"]
    assert time.monotonic() - begun < 6
    assert seen.status == "fail"


def test_an_address_that_is_not_that_of_the_api_is_told(lasting_server: Lasting) -> None:
    url = lasting_server.url.removesuffix("/api") + "/nowhere"
    seen = found(url=url)["prefect: server"]
    assert seen.found == f"{url} does not answer as Prefect's server (404)"
    assert "ends in /api" in seen.fix


@contextmanager
def answering(status: int, version: str) -> Iterator[str]:
    """A server that has `version` and says `status` to whoever asks for it; tells its address."""

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200 if self.path.endswith("/health") else status)
            self.end_headers()
            self.wfile.write(json.dumps(version).encode())

        def log_message(self, *_: object) -> None:
            """Nothing."""

    with HTTPServer(("127.0.0.1", 0), Answer) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/api"
        server.shutdown()


def test_a_server_that_wants_credentials_is_told_with_where_they_go(tmp_path: Path) -> None:
    with answering(401, "") as url:
        seen = found("--store", tmp_path / "store", url=url)["prefect: server"]
    assert seen.found == f"{url} wants other credentials than are given (401)"
    assert "PREFECT_API_AUTH_STRING" in seen.fix


def test_a_server_of_another_version_is_told(tmp_path: Path) -> None:
    with answering(200, "3.1.0") as url:
        seen = found("--store", tmp_path / "store", url=url)["prefect: server"]
    assert seen.status == "warn"
    assert seen.found.startswith(f"{url} has Prefect 3.1.0, and this environment 3.")
    assert seen.fix.endswith("pip install prefect==3.1.0")


@pytest.mark.parametrize("url", ["nonsense", "http://127.0.0.1:port/api"])
def test_an_address_that_is_none_is_told(tmp_path: Path, url: str) -> None:
    seen = found("--store", tmp_path / "store", url=url)["prefect: server"]
    assert (seen.status, bool(seen.fix)) == ("fail", True)


def test_a_family_that_is_not_deployed_is_told_with_the_pool_it_asks_for(
    tmp_path: Path, lasting_server: Lasting
) -> None:
    seen = found(family(tmp_path, rebuild=NIGHTLY), url=lasting_server.url)
    assert seen["prefect: server"].status == "ok"
    assert seen["prefect: doctored"].status == "warn"
    assert "descent deploy CONFIG" in seen["prefect: doctored"].fix
    assert seen["prefect: pool night"].status == "fail"
    assert seen["prefect: pool night"].fix == "prefect work-pool create night --type process"


def test_a_family_whose_stages_run_on_pools_needs_a_server_and_its_deployments(
    tmp_path: Path, lasting_server: Lasting
) -> None:
    config = family(tmp_path, family="pooling", runs_on={"distill": "gpu"})
    alone = found(config)["prefect: server"]
    assert alone.status == "fail"
    assert "runs_on names pools of a server" in alone.found
    seen = found(config, url=lasting_server.url)
    assert seen["prefect: runs_on"].found.startswith("runs_on: pooling is not deployed for gpu")
    assert "descent deploy CONFIG" in seen["prefect: runs_on"].fix
    assert seen["prefect: pool gpu"].found == "there is none"


def test_memory_is_asked_for_where_a_stage_runs(tmp_path: Path) -> None:
    shape = {"layers": 300, "hidden": 16384, "intermediate": 65536, "heads": 128}
    shape |= {"kv_heads": 8, "head_dim": 128, "vocabulary": 256_000}
    large = {"flagship": {**TOYS["flagship"], "shape": shape}}
    here = found(family(tmp_path, **large))["machine: memory"]
    assert here.status == "fail"
    heavy = ("flagship", "responses", "signal", "start", "distill", "evaluate", "export", "verify")
    elsewhere = found(family(tmp_path, **large, runs_on=dict.fromkeys(heavy, "gpu")))
    assert elsewhere["machine: memory"].status == "ok"


@pytest.mark.parametrize("runner", ["dask", "ray"])
def test_a_task_runner_that_is_not_installed_is_told_with_the_extra_that_has_it(
    tmp_path: Path, runner: str
) -> None:
    seen = found(family(tmp_path, running={"runner": runner}))["family: runner"]
    if find_spec(f"prefect_{runner}"):
        assert (seen.status, seen.found) == ("ok", runner)
    else:
        assert seen.fix == f"pip install 'descent-family[{runner}]'"


@pytest.fixture(scope="module")
def deployed(tmp_path_factory: pytest.TempPathFactory, lasting_server: Lasting) -> Iterator[Path]:
    """The file of a family that was deployed to a pool; its store is beside it."""
    folder = tmp_path_factory.mktemp("deployed")
    config = family(folder, rebuild=NIGHTLY)
    with lasting_server.client() as client:
        client.create_work_pool(WorkPoolCreate(name="night", type="process"))
        arguments = ["deploy", str(config), "--store", str(folder / "store")]
        said = CliRunner().invoke(cli, arguments)
        assert said.exit_code == 0, said.output
        yield config
        client.delete_work_pool("night")


def test_a_pool_for_which_nobody_works_is_told_until_somebody_does(
    deployed: Path, lasting_server: Lasting
) -> None:
    def look() -> dict[str, Finding]:
        return found(deployed, "--store", deployed.with_name("store"), url=lasting_server.url)

    seen = look()
    assert seen["prefect: rebuild/doctored"].found == "deployed to the pool night, on its schedule"
    assert seen["prefect: release/doctored"].status == "ok"
    assert seen["prefect: pool night"].found == "no worker is alive"
    assert seen["prefect: pool night"].fix == "prefect worker start --pool night"

    command = [sys.executable, "-m", "prefect", "worker", "start", "--pool", "night"]
    worker = Popen(
        command, env=lasting_server.environment, cwd=ROOT, stdout=DEVNULL, stderr=DEVNULL
    )
    try:
        alive = until(
            lambda: one if (one := look()["prefect: pool night"]).status == "ok" else None
        )
    finally:
        worker.terminate()
        worker.wait(60)
    assert alive.found == "1 worker alive"


def test_a_deployment_of_another_store_is_told(deployed: Path, lasting_server: Lasting) -> None:
    seen = found(deployed, "--store", deployed.with_name("other"), url=lasting_server.url)
    store = deployed.with_name("store")
    assert seen["prefect: rebuild/doctored"].found == f"it works on another store, {store}"


def test_a_store_at_a_url_is_one_with_the_folder_before_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, url = tmp_path / "before", f"file://{tmp_path}/shared"
    before.mkdir()
    remember(before, url)
    monkeypatch.setenv(CACHE, str(before))
    assert _is_one(url, before)
    assert not _is_one(f"file://{tmp_path}/other", before)
    assert not _is_one(str(tmp_path / "local"), before)


def test_a_deployment_whose_family_file_has_moved_is_told(
    deployed: Path, lasting_server: Lasting
) -> None:
    moved = deployed.rename(deployed.with_name("moved.yaml"))
    seen = found(moved, "--store", deployed.with_name("store"), url=lasting_server.url)
    moved.rename(deployed)
    assert seen["prefect: rebuild/doctored"].status == "fail"
    assert seen["prefect: rebuild/doctored"].found == f"it is to read {deployed}, which is not here"


def test_a_paused_pool_and_a_paused_deployment_are_told(
    deployed: Path, lasting_server: Lasting
) -> None:
    with lasting_server.client() as client:
        client.update_work_pool("night", WorkPoolUpdate(is_paused=True))
        client.pause_deployment(client.read_deployment_by_name("release/doctored").id)
    seen = found(deployed, "--store", deployed.with_name("store"), url=lasting_server.url)
    assert seen["prefect: pool night"].fix == "prefect work-pool resume night"
    assert seen["prefect: release/doctored"].fix == "prefect deployment resume release/doctored"


def test_a_deployment_that_nothing_serves_is_told(tmp_path: Path, lasting_server: Lasting) -> None:
    config = family(tmp_path, family="left")
    with lasting_server.client():
        for one in deployments(load(config), config, tmp_path / "store"):
            one.apply()
    seen = found(config, "--store", tmp_path / "store", url=lasting_server.url)
    assert seen["prefect: rebuild/left"].found == "nothing serves it"
    assert seen["prefect: rebuild/left"].fix.startswith(f"descent serve {config}, or")
