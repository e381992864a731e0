"""What tests of all parts share."""

import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

import pytest

from family.remote.place import CACHE
from family.store import Store
from tests import browser as chromium
from tests import postgres as local

if TYPE_CHECKING:
    from playwright.sync_api import Browser

    from tests import s3

#: What may stand nowhere.
S3_SECRET = "hush-hush-hush"

#: Child processes import the toys from the tree; tiny models are fastest on one thread.
os.environ["PYTHONPATH"] = os.pathsep.join(
    filter(None, [str(Path(__file__).parent.parent), os.environ.get("PYTHONPATH")])
)
os.environ.setdefault("OMP_NUM_THREADS", "1")

# A shell that runs the suite in the background ignores Ctrl-C, and its processes inherit that: the
# builders that tests interrupt could not be interrupted.
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "store")


@pytest.fixture(scope="session")
def postgres() -> Iterator[local.Server]:
    """A PostgreSQL server for the tests that ask for one."""
    pytest.importorskip("psycopg", reason="psycopg is not installed: pip install -e '.[postgres]'")
    programs = local.binaries()
    if programs is None:
        pytest.skip("PostgreSQL's server is not installed: apt install postgresql")
    server = local.Server(programs)
    yield server
    server.close()


# Not for the session: while Playwright is open this thread has a running event loop, in which other
# tests may start none of their own.
@pytest.fixture(scope="module")
def browser() -> "Iterator[Browser]":
    """Chromium, for the tests that look at a page."""
    pytest.importorskip("playwright", reason="playwright is not installed: pip install playwright")
    if missing := chromium.missing():
        pytest.skip(missing)
    with chromium.browser() as found:
        yield found


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 2 MB."""
    path = tmp_path / "disk"
    path.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(path)]
    if os.geteuid() or subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("only root can mount a disk")
    yield path
    subprocess.run(["umount", str(path)], check=True)


@pytest.fixture(scope="session")
def any_s3() -> "Iterator[s3.Server]":
    from tests import s3

    with s3.Server() as found:
        yield found


@pytest.fixture
def s3_server(any_s3: "s3.Server", monkeypatch: pytest.MonkeyPatch) -> "s3.Server":
    """A real S3 server on loopback, with an environment that leads to it."""
    any_s3.forget()
    monkeypatch.setenv("AWS_ENDPOINT_URL", any_s3.address)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "ada")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", S3_SECRET)
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN", CACHE):
        monkeypatch.delenv(name, raising=False)
    return any_s3


@pytest.fixture
def bucket(s3_server: "s3.Server") -> str:
    """A URL in an empty bucket."""
    import fsspec

    name = f"bucket-{uuid4().hex}"
    fsspec.filesystem("s3", skip_instance_cache=True).mkdir(name)
    return f"s3://{name}/family"


@pytest.fixture
def worker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str], Store]:
    """Opens a URL's store as the machine of a name sees it."""

    def opened(name: str, url: str) -> Store:
        with monkeypatch.context() as patch:
            patch.setenv(CACHE, str(tmp_path / name))
            return Store(url)

    return opened
