"""Several nodes: here two of them, on loopback, which share a store."""

import socket
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import psutil
import pytest

from family.errors import StageError
from family.run import make
from family.store import Store
from tests.family.parallel.conftest import Alone
from tests.family.parallel.works import Works, losses, processes_in, settings, wait_for
from tests.toys import family, only


@pytest.fixture
def address(monkeypatch: pytest.MonkeyPatch) -> str:
    """Where the nodes find each other."""
    monkeypatch.setenv("GLOO_SOCKET_IFNAME", "lo")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{free.getsockname()[1]}"


@pytest.fixture
def node(store: Store, address: str) -> Iterator["subprocess.Popen[str]"]:
    """A second node, which takes part in what is built in the store."""
    process = subprocess.Popen(
        [sys.executable, "-m", "family.parallel.node", str(store.root), "--number", "1"],
        stdout=subprocess.PIPE,
        text=True,
    )
    with process:
        yield process
        process.kill()


def test_two_nodes_train_with_an_8_bit_optimizer_as_one_process_does(
    works: Works, alone: Alone, node: "subprocess.Popen[str]", address: str
) -> None:
    asked = settings(optimizer="adamw_8bit", distributed={"nodes": 2, "address": address})
    made = works.make(asked)
    np.testing.assert_allclose(
        losses(works.folder(made)),
        losses(alone(settings(optimizer="adamw_8bit"))),
        rtol=0,
        atol=1e-3,
    )
    assert made.manifest.origin.environment["processes"] == 2
    assert node.stdout
    assert f"{made.manifest.key}: ended with code 0\n" in node.stdout


def test_a_node_that_goes_away_ends_the_step_which_may_be_tried_again(
    store: Store, node: "subprocess.Popen[str]", address: str
) -> None:
    spec = family(responses={"distributed": {"nodes": 2, "address": address}})
    step, stage = only(spec, responses="the_second_lingers")
    with ThreadPoolExecutor() as pool:
        making = pool.submit(make, step, "toys", stage, store)
        wait_for(lambda: any((store.root / "scratch").glob("*/pid")), "the work to begin")
        node.kill()
        with pytest.raises(StageError, match="a process on another node has gone") as caught:
            making.result(60)
    assert caught.value.may_pass
    _, left = psutil.wait_procs(processes_in(store).values(), 60)
    assert not left
