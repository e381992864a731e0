"""What tests of all parts share."""

import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from family.store import Store
from tests import browser as chromium
from tests import postgres as local

if TYPE_CHECKING:
    from playwright.sync_api import Browser

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
