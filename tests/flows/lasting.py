"""A Prefect server as a team runs it, with its interface and its services, and what serves runs."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar
from uuid import UUID

import httpx
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.objects import FlowRun
from prefect.settings import PREFECT_API_URL, temporary_settings

ROOT = Path(__file__).parents[2]
PATIENCE = 120.0

Found = TypeVar("Found")


@dataclass(frozen=True)
class Lasting:
    """A server that goes on when a run has ended."""

    url: str
    home: Path

    @property
    def environment(self) -> dict[str, str]:
        """A user's, who works with this server on a family of toys."""
        return {
            **os.environ,
            "PREFECT_HOME": str(self.home),
            "PREFECT_API_URL": self.url,
            "PREFECT_LOGGING_LEVEL": "INFO",
            "PREFECT_RUNNER_POLL_FREQUENCY": "1",
            "PREFECT_WORKER_QUERY_SECONDS": "1",
            "PYTHONPATH": os.pathsep.join([str(ROOT / "tests/flows/site"), str(ROOT)]),
            "DO_NOT_TRACK": "1",
        }

    @contextmanager
    def client(self) -> Iterator[SyncPrefectClient]:
        """Asks this server, whatever server the process has."""
        with temporary_settings({PREFECT_API_URL: self.url}), get_client(sync_client=True) as found:
            yield found

    def descent(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        """Run a command to its end."""
        return self._run("tests.flows", *arguments)

    def prefect(self, *arguments: str, cwd: Path = ROOT) -> None:
        """Run one of Prefect's commands, which must succeed."""
        self._run("prefect", *arguments, cwd=cwd).check_returncode()

    def _run(
        self, module: str, *arguments: str, cwd: Path = ROOT
    ) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [sys.executable, "-m", module, *arguments],
            env=self.environment,
            cwd=cwd,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
        )

    @contextmanager
    def serving(self, *configs: Path, store: Path) -> Iterator[None]:
        """`descent serve` for these families, until the end of the block."""
        names = [str(config) for config in configs]
        command = [sys.executable, "-m", "tests.flows", "serve", *names, "--store", str(store)]
        with (store.parent / "serve.log").open("w") as log:
            process = subprocess.Popen(
                command, env=self.environment, cwd=ROOT, stdout=log, stderr=log
            )
        try:
            until(lambda: "being served" in (store.parent / "serve.log").read_text())
            yield
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(60)

    def start(self, deployment: str, **parameters: object) -> UUID:
        """Ask for a run of a deployment."""
        with self.client() as client:
            found = client.read_deployment_by_name(deployment)
            return client.create_flow_run_from_deployment(found.id, parameters=parameters).id

    def run(self, id_: UUID) -> FlowRun:
        with self.client() as client:
            return client.read_flow_run(id_)

    def state(self, id_: UUID, *names: str) -> FlowRun:
        """A run, as soon as its state has one of these names."""

        def there() -> FlowRun | None:
            found = self.run(id_)
            return found if found.state and found.state.name in names else None

        return until(there, lambda: f"{self.run(id_).state}")

    def newest(self, flow: str, *, but: Mapping[UUID, object] | None = None) -> FlowRun:
        """The newest run of a flow, waiting for one that is not among `but`."""

        def there() -> FlowRun | None:
            asked = {
                "flows": {"name": {"any_": [flow]}},
                "sort": "EXPECTED_START_TIME_DESC",
                "limit": 50,
            }
            found = httpx.post(f"{self.url}/flow_runs/filter", json=asked).raise_for_status()
            runs = [FlowRun.model_validate(one) for one in found.json()]
            return next((run for run in runs if run.id not in (but or {})), None)

        return until(there)


def until(ask: Callable[[], Found | None], told: Callable[[], str] = str) -> Found:
    """What `ask` finds, as soon as it finds something."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        if found := ask():
            return found
        time.sleep(0.3)
    raise AssertionError(f"it never came: {told()}")


@contextmanager
def lasting(home: Path) -> Iterator[Lasting]:
    """Start a server on this machine, and end it."""
    made = Lasting(free_address(), home)
    process = start(made)
    try:
        yield made
    finally:
        process.terminate()
        process.wait(60)


def free_address() -> str:
    """Where a server may be started on this machine."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        return f"http://127.0.0.1:{free.getsockname()[1]}/api"


def start(server: Lasting) -> "subprocess.Popen[bytes]":
    """Start the process of a server, and wait until it answers."""
    command = [sys.executable, "-m", "prefect", "server", "start", "--host", "127.0.0.1"]
    with (server.home / "server.log").open("a") as log:
        process = subprocess.Popen(
            [*command, "--port", str(httpx.URL(server.url).port)],
            env={**server.environment, "PREFECT_SERVER_ANALYTICS_ENABLED": "false"},
            stdout=log,
            stderr=log,
        )

    def healthy() -> bool:
        try:
            return httpx.get(f"{server.url}/health").is_success
        except httpx.HTTPError:
            return False

    until(healthy, lambda: (server.home / "server.log").read_text()[-2000:])
    return process
