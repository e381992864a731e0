"""Where Prefect keeps the runs: on the server that is asked for, or in the database at hand.

Without a server Prefect would start one by itself. It is the same application here, started so
that Ctrl-C does not reach it (it must still take down how the runs ended), that it ends with
the builder even if that is killed, and that the builder need not import it: 2 s less.

`python -m flows.server FD` is that process: it serves the socket FD until its standard input
ends.
"""

import asyncio
import os
import random
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING, Self

from family.child import until_builder_ends
from family.errors import DescentError

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

#: Nothing is told to anybody, and the terminal is the command's, not Prefect's.
QUIET = {
    "DO_NOT_TRACK": "1",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL": "CRITICAL",
}


#: Seconds for which a request that meets locks is tried again.
PATIENCE = 30.0


#: How often a local server that is lost is replaced in one build.
RESTARTS = 5


class ServerError(DescentError):
    """Prefect's server cannot be used."""


@contextmanager
def prefect_api(*, verbose: bool = False) -> Iterator[None]:
    """Have a Prefect server for the runs started inside; import no flow before.

    That of PREFECT_API_URL or of Prefect's profile if there is one, else one of our own on the
    local database. `verbose` lets Prefect write to the terminal.
    """
    for name, value in QUIET.items():
        if not (verbose and name.startswith("PREFECT_LOGGING")):
            os.environ.setdefault(name, value)
    import httpx
    from prefect.settings import PREFECT_API_URL

    url = PREFECT_API_URL.value()
    with _asked_for(url) if url else _local() as address:
        try:
            yield
        except httpx.TransportError as error:
            raise ServerError(
                f"{address}: Prefect's server no longer answers ({error}). What was sealed is "
                f"kept; the same command goes on."
            ) from error


@contextmanager
def prefect_server() -> Iterator[str]:
    """Have the server that the user runs; tells its address. ServerError if there is none."""
    from prefect.settings import PREFECT_API_URL

    if not (url := PREFECT_API_URL.value()):
        raise ServerError(
            "This needs a Prefect server that stays. Start one (`prefect server start`) and name "
            "it: PREFECT_API_URL=http://127.0.0.1:4200/api"
        )
    with _asked_for(url):
        yield url


@contextmanager
def _asked_for(url: str) -> Iterator[str]:
    """The server that the user runs, once it is known to answer."""
    from prefect.client.orchestration import get_client

    with get_client(sync_client=True) as client:
        if fault := client.api_healthcheck():
            raise ServerError(
                f"{url}: Prefect's server does not answer ({fault}). Start it (`prefect server "
                f"start`), or unset PREFECT_API_URL to keep the runs in the local database."
            )
    yield url


def be_patient() -> None:
    """Have every new client of Prefect's try again where no connection can be made, for a minute,
    as one does that had a connection before: a server that is away may come back.

    A new one takes the first failure for a wrong address and gives up, and Prefect makes new ones
    for each subflow and artifact. A flow that runs knows that its server has answered. (Prefect
    3.8, which has no setting for this.)"""
    from prefect.client import base

    had_one = property(lambda client: True, lambda client, value: None)
    for kind in (base.PrefectHttpxAsyncClient, base.PrefectHttpxSyncClient):
        kind._has_connected = had_one  # type: ignore[assignment]


@contextmanager
def _local() -> Iterator[str]:
    """Serve the local database on a port of this machine alone; tells the address."""
    from prefect.context import refresh_global_settings_context
    from prefect.settings import PREFECT_FLOWS_HEARTBEAT_FREQUENCY, temporary_settings

    with tempfile.TemporaryFile() as log, Local(log) as server:
        # In the environment, since Prefect's own threads do not see temporary settings.
        os.environ["PREFECT_API_URL"] = server.url
        refresh_global_settings_context()
        try:
            _wait(server.url, log)
            server.again = RESTARTS
            # Heartbeats tell a lasting server that a run is dead; each flow waits 1 s for them.
            with temporary_settings({PREFECT_FLOWS_HEARTBEAT_FREQUENCY: None}):
                try:
                    yield server.url
                finally:
                    _drain()
        finally:
            del os.environ["PREFECT_API_URL"]
            refresh_global_settings_context()


class Local:
    """The process of the local server. If it is lost, another one takes over its socket, in which
    what is asked meanwhile waits."""

    def __init__(self, log: IO[bytes]) -> None:
        self._log = log
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}/api"
        self.again = 0
        """How often it may be started again: not before it ran at all."""
        self._process = self._start()
        self._keeper = threading.Thread(target=self._keep, daemon=True)
        self._keeper.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.again = 0
        assert self._process.stdin
        self._process.stdin.close()
        self._keeper.join()

    def _start(self) -> "subprocess.Popen[bytes]":
        return subprocess.Popen(
            [sys.executable, "-m", "flows.server", str(self._listener.fileno())],
            stdin=subprocess.PIPE,
            stdout=self._log,
            stderr=self._log,
            pass_fds=(self._listener.fileno(),),
            start_new_session=True,
        )

    def _keep(self) -> None:
        with self._listener:  # what still waits in it is told that nobody will answer
            while self._process.wait() is not None and self.again:
                self.again -= 1
                self._process = self._start()


def _wait(url: str, log: IO[bytes]) -> None:
    """Wait until the server answers: the request lies in its socket, and dies with that."""
    import httpx
    import prefect.main  # noqa: F401  # a second that both sides take at the same time

    try:
        httpx.get(f"{url}/health", timeout=300).raise_for_status()
    except httpx.HTTPError as error:
        log.seek(0)
        lines = log.read().decode(errors="replace").strip().splitlines()
        raise ServerError(
            f"Prefect's local server did not start: {lines[-1] if lines else error}. "
            f"`prefect server start` tells more."
        ) from error


def _drain() -> None:
    """Hand over what Prefect still holds back: task runs reach the server as events."""
    from prefect.events.worker import EventsWorker
    from prefect.logging.handlers import APILogWorker

    APILogWorker.drain_all()
    EventsWorker.drain_all()


def patient(app: "ASGIApp") -> "ASGIApp":
    """Try again what met a lock of SQLite's, which Prefect's server answers with 503.

    Its clients would wait for 2 s, then 4 s and so on, and give up after five tries: several builds
    that begin together were refused."""

    async def answer(scope: "Scope", receive: "Receive", send: "Send") -> None:
        if scope["type"] != "http":
            return await app(scope, receive, send)
        asked = [await receive()]
        while asked[-1].get("more_body"):
            asked.append(await receive())
        until = time.monotonic() + PATIENCE
        while await _refused(app, scope, asked, receive, send, time.monotonic() < until):
            await asyncio.sleep(random.uniform(0.05, 0.25))

    return answer


async def _refused(
    app: "ASGIApp",
    scope: "Scope",
    asked: "Sequence[Message]",
    receive: "Receive",
    send: "Send",
    again: bool,
) -> bool:
    """Let the application answer; true if that was 503, which is kept from the client if it is
    asked `again`."""
    rest, kept = iter(asked), False

    async def replay() -> "Message":
        return next(rest, None) or await receive()

    async def send_on(message: "Message") -> None:
        nonlocal kept
        if message["type"] == "http.response.start" and message["status"] == 503:
            kept = again
        if not kept:
            await send(message)

    try:
        await app(dict(scope), replay, send_on)
    except Exception:  # Starlette raises anew what its handler for all errors has answered
        if not kept:
            raise
    return kept


def serve(listener: socket.socket) -> None:
    """Run Prefect's API until standard input ends; the interface and the services stay off."""
    import uvicorn
    from prefect.server.api.server import create_app

    app = patient(create_app(ephemeral=True, final=True))
    config = uvicorn.Config(app, log_level="error", timeout_graceful_shutdown=10)
    server = uvicorn.Server(config)

    def end_with_builder() -> None:
        until_builder_ends()
        server.should_exit = True

    threading.Thread(target=end_with_builder, daemon=True).start()
    server.run(sockets=[listener])


if __name__ == "__main__":
    serve(socket.socket(fileno=int(sys.argv[1])))
