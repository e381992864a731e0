"""A PostgreSQL server of the tests' own, on this machine alone, gone when they end."""

import itertools
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

PASSWORD = "sesame-7f3a"


def binaries() -> Path | None:
    """Where the newest server that is installed has its programs; Debian keeps them off PATH."""
    found = [
        path for path in Path("/usr/lib/postgresql").glob("*/bin") if (path / "initdb").exists()
    ]
    if found:
        return max(found, key=lambda path: float(path.parent.name))
    there = shutil.which("initdb")
    return Path(there).parent if there else None


class Server:
    """Its text sorts as English does, not by code point: what depends on that order shows."""

    def __init__(self, programs: Path) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="pg-", dir="/tmp"))
        # The server refuses to be run by root.
        self._user: dict[str, Any] = {}
        if os.geteuid() == 0:
            self._user = {"user": "postgres", "group": "postgres", "extra_groups": []}
            shutil.chown(self.folder, "postgres", "postgres")
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self._numbers = itertools.count()
        self._make(programs)
        data, port = str(self.folder / "data"), str(self.port)
        quick = (
            "fsync=off",
            "full_page_writes=off",
            "synchronous_commit=off",
            "shared_buffers=32MB",
        )
        self._log = (self.folder / "log").open("w")
        self._server = subprocess.Popen(
            [str(programs / "postgres"), "-D", data, "-k", str(self.folder), "-p", port]
            + [
                word
                for setting in (*quick, "listen_addresses=127.0.0.1")
                for word in ("-c", setting)
            ],
            stdout=self._log,
            stderr=self._log,
            cwd=self.folder,
            **self._user,
        )
        self._wait()

    def _make(self, programs: Path) -> None:
        (self.folder / "password").write_text(PASSWORD)
        (self.folder / "password").chmod(0o644)
        english = ("--locale=C.UTF-8", "--locale-provider=icu", "--icu-locale=en-US")
        who = ("--username=postgres", f"--pwfile={self.folder / 'password'}")
        auth = ("--auth-local=trust", "--auth-host=scram-sha-256")
        initdb = [str(programs / "initdb"), "--no-sync", f"--pgdata={self.folder / 'data'}"]
        subprocess.run(
            [*initdb, "--encoding=UTF8", *english, *who, *auth],
            check=True,
            capture_output=True,
            cwd=self.folder,
            **self._user,
        )

    def _wait(self) -> None:
        import psycopg

        end = time.monotonic() + 30
        while True:
            try:
                psycopg.connect(**self._administrator).close()
                return
            except psycopg.OperationalError:
                assert self._server.poll() is None, (self.folder / "log").read_text()
                assert time.monotonic() < end, "the server did not come up in 30 s"
                time.sleep(0.02)

    @property
    def _administrator(self) -> dict[str, Any]:
        return {
            "host": str(self.folder),
            "port": self.port,
            "user": "postgres",
            "dbname": "postgres",
        }

    def create(self) -> str:
        """Make a schema, which is to a test as a database of its own; its name."""
        name = f"test{next(self._numbers)}"
        self.execute(f"CREATE SCHEMA {name}")
        return name

    def execute(self, statement: str) -> None:
        """Run a statement as the administrator."""
        import psycopg

        with psycopg.connect(**self._administrator, autocommit=True) as connection:
            connection.execute(statement)

    def url(self, schema: str) -> str:
        """Through a socket, without a password: the quickest."""
        socket = f"host={self.folder}&port={self.port}"
        return f"postgresql://postgres@/postgres?{socket}&options=-csearch_path%3D{schema}"

    def url_with_password(
        self, schema: str, password: str = PASSWORD, database: str = "postgres"
    ) -> str:
        """Through the network of this machine."""
        where = f"127.0.0.1:{self.port}/{database}?options=-csearch_path%3D{schema}"
        return f"postgresql://postgres:{password}@{where}"

    def close(self) -> None:
        self._server.send_signal(signal.SIGQUIT)  # at once: nothing is kept
        self._server.wait(30)
        self._log.close()
        shutil.rmtree(self.folder)
