"""Where the runs are kept."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest
from starlette.responses import PlainTextResponse
from starlette.types import Receive, Scope, Send

from family.load import load
from flows import server
from flows.server import patient
from tests.flows.table import titles

FamilyFile = Callable[..., Path]


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """A user without a server, and with a Prefect home of their own."""
    found = {**os.environ, "PREFECT_HOME": str(tmp_path / "prefect"), "DO_NOT_TRACK": "1"}
    found["PREFECT_SERVER_ANALYTICS_ENABLED"] = "false"
    found.pop("PREFECT_API_URL", None)
    return found


@pytest.fixture
def prefect_server(environment: dict[str, str]) -> Iterator[Callable[[], str]]:
    """Starts `prefect server start` and tells its address."""
    started: list[subprocess.Popen[bytes]] = []

    def start() -> str:
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        command = [sys.executable, "-m", "prefect", "server", "start", "--port", str(port)]
        started.append(subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL))
        url = f"http://127.0.0.1:{port}/api"
        for _ in range(600):
            try:
                httpx.get(f"{url}/health").raise_for_status()
            except httpx.HTTPError:
                time.sleep(0.5)
            else:
                return url
        raise AssertionError("the server does not answer")

    yield start
    for process in started:
        process.terminate()
        process.wait(60)


def build(
    path: Path, store: Path, environment: dict[str, str]
) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "tests.flows", "build", str(path), "--store", str(store)]
    return subprocess.run(command, capture_output=True, text=True, env=environment)


def test_without_a_server_the_runs_are_where_prefect_server_start_shows_them(
    family_file: FamilyFile,
    tmp_path: Path,
    environment: dict[str, str],
    prefect_server: Callable[[], str],
) -> None:
    path = family_file()
    done = build(path, tmp_path / "store", environment)
    assert done.returncode == 0, done.stderr
    url = prefect_server()
    flows = httpx.post(f"{url}/flow_runs/filter", json={}).json()
    assert sorted((run["name"], run["state_name"]) for run in flows) == [
        (name, "Completed") for name in ("Build edge", "Build mini", "Build nano", "Build toys")
    ]
    stages = httpx.post(f"{url}/task_runs/filter", json={"limit": 200}).json()
    stages = [run for run in stages if run["task_key"].startswith("stage-")]
    assert {run["state_name"] for run in stages} == {"Completed"}
    names = [name for tier in titles(load(path)).values() for name in tier]
    assert sorted(run["name"] for run in stages) == sorted(names)


def test_a_server_that_does_not_answer_is_said_before_anything_is_built(
    family_file: FamilyFile, tmp_path: Path, environment: dict[str, str]
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    environment["PREFECT_API_URL"] = f"http://127.0.0.1:{port}/api"
    done = build(family_file(), tmp_path / "store", environment)
    assert done.returncode == 1
    assert f"http://127.0.0.1:{port}/api: Prefect's server does not answer" in done.stderr
    assert "unset PREFECT_API_URL" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_local_server_that_is_interrupted_while_the_builder_lives_does_not_abort(
    environment: dict[str, str],
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = subprocess.Popen(
            [sys.executable, "-m", "flows.server", str(listener.fileno())],
            stdin=subprocess.PIPE,
            stderr=subprocess.PIPE,
            pass_fds=(listener.fileno(),),
            env=environment,
        )
        port = listener.getsockname()[1]
        httpx.get(f"http://127.0.0.1:{port}/api/health", timeout=300).raise_for_status()
    server.send_signal(signal.SIGINT)
    assert server.stderr
    told = server.stderr.read()  # not communicate(), which would close its standard input first
    assert server.wait(60) != -signal.SIGABRT
    assert b"Fatal Python error" not in told


@pytest.mark.parametrize("times", [2, 1000])
def test_what_met_a_lock_is_tried_again_for_a_while(
    times: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    async def locked(scope: Scope, receive: Receive, send: Send) -> None:
        asked.append((await receive())["body"])
        status = 503 if len(asked) <= times else 201
        await PlainTextResponse(f"answer {len(asked)}", status)(scope, receive, send)
        if status == 503:
            raise RuntimeError("database is locked")  # as Starlette does

    async def ask() -> httpx.Response:
        transport = httpx.ASGITransport(raise_app_exceptions=False, app=patient(locked))
        async with httpx.AsyncClient(transport=transport, base_url="http://server") as client:
            return await client.post("/", content="a run")

    monkeypatch.setattr(server, "PATIENCE", 1.0)
    answer = asyncio.run(ask())
    assert set(asked) == {b"a run"}
    assert answer.text == f"answer {len(asked)}"
    assert answer.status_code == (201 if times == 2 else 503)
