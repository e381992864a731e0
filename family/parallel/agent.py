"""Starts the processes of a stage on this node: `python -m family.parallel.agent JOB`.

This is torchrun with the builder's habits: a process that fails ends all of them, and they end
when the builder does. On every other node the same command runs with `--node N`, on the same job
file, which lies in the store.
"""

import argparse
import os
import signal
import socket
import sys
import threading
import uuid
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import cast

from torch.distributed.elastic.multiprocessing.api import DefaultLogsSpecs
from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
from torch.distributed.launcher.api import LaunchConfig, elastic_launch

from family.child import Job, Report, Said, ended_by, until_builder_ends
from family.spec import Distill, Distributed, Responses, Signal

LOOPBACK = "127.0.0.1"


def main(path: Path, node: int) -> int:
    if node:
        _hold_the_others_open()
    threading.Thread(target=_end_with_builder, daemon=True).start()
    job = Job.model_validate_json(path.read_bytes())
    wanted = cast(Distill | Responses | Signal, job.asked()).distributed
    os.environ.setdefault("OMP_NUM_THREADS", str(max(1, (os.cpu_count() or 1) // wanted.processes)))
    with TemporaryDirectory(prefix="descent-") as logs:
        config = _config(wanted, node, logs)
        try:
            elastic_launch(config, sys.executable)("-u", "-m", "family.child", str(path))
        except ChildFailedError as error:
            if lost := _lost(error, wanted.world):
                print(lost, file=sys.stderr)
                said = Said(report=Report(error=lost, lost=True))
                os.write(job.said_fd, f"{said.model_dump_json()}\n".encode())
            return 1
    return 0


def _config(wanted: Distributed, node: int, logs: str) -> LaunchConfig:
    config = LaunchConfig(
        min_nodes=wanted.nodes,
        max_nodes=wanted.nodes,
        nproc_per_node=wanted.processes,
        run_id=uuid.uuid4().hex,
        rdzv_backend="c10d",
        rdzv_endpoint=f"{LOOPBACK}:0",
        max_restarts=0,
        logs_specs=DefaultLogsSpecs(log_dir=logs),
    )
    if wanted.address:
        # Of known places, so that the first process runs beside the builder, whom it tells.
        config.rdzv_backend, config.rdzv_endpoint = "static", wanted.address
        config.rdzv_configs["rank"] = node
        config.run_id = "descent"
    else:
        config.local_addr = LOOPBACK
        os.environ.setdefault("GLOO_SOCKET_IFNAME", "lo")
    return config


def _lost(error: ChildFailedError, world: int) -> str | None:
    """Which process was ended from outside, if one was: the others' errors follow from that."""
    for rank, failure in error.failures.items():
        if failure.exitcode < 0 and failure.exitcode != -signal.SIGTERM:  # ours to the others
            return f"process {rank + 1} of {world} {ended_by(-failure.exitcode)}"
    return None


def _hold_the_others_open() -> None:
    """Stand in for the builder on a node where there is none.

    What processes say there goes unheard: the first process of all is another node's."""
    ours, theirs = socket.socketpair()
    os.dup2(theirs.fileno(), 0)
    _kept.append(ours)


_kept: list[socket.socket] = []


def _end_with_builder() -> None:
    until_builder_ends()
    os.kill(os.getpid(), signal.SIGTERM)  # which torchrun passes on


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m family.parallel.agent")
    parser.add_argument("job", type=Path, help="The job file in the store's scratch folder.")
    parser.add_argument(
        "--node", type=int, default=0, help="This node's number; the builder's is 0."
    )
    asked = parser.parse_args()
    sys.exit(main(asked.job, asked.node))
