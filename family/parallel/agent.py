"""Starts a stage's processes on this node: `python -m family.parallel.agent JOB`.

This is torchrun with the builder's habits: a process that fails ends all of them, and they end
when the builder does. On the other nodes `family.parallel.node` starts it, on the same job file,
which lies in the store.
"""

import argparse
import os
import signal
import socket
import sys
import threading
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import cast

from torch.distributed import DistError
from torch.distributed.elastic.multiprocessing.api import DefaultLogsSpecs, SignalException
from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
from torch.distributed.launcher.api import LaunchConfig, elastic_launch

from family.child import FROM_OUTSIDE, Job, Report, Said, ending, until_builder_ends
from family.spec import Distributed, distributed

LOOPBACK = "127.0.0.1"
#: Seconds that nodes wait for each other at the start of a step.
JOIN = 600
#: How a process ends that has said what went wrong.
TOLD = 1


def main(path: Path, node: int) -> int:
    job = Job.model_validate_json(path.read_bytes())
    if node:
        _stand_in_for_the_builder()
    threading.Thread(target=_end_with_builder, daemon=True).start()
    wanted = distributed(job.asked())
    os.environ.setdefault("OMP_NUM_THREADS", str(max(1, (os.cpu_count() or 1) // wanted.processes)))
    with TemporaryDirectory(prefix="descent-") as logs:
        config = _config(wanted, node, job.run, logs)
        try:
            elastic_launch(config, sys.executable)("-u", "-m", "family.child", str(path))
            return 0
        except ChildFailedError as error:
            report = _lost(error, wanted.world)
        except DistError as error:
            report = _apart(error, wanted)
        except SignalException as error:
            return 128 + error.sigval
    if report:
        print(report.error, file=sys.stderr)
        os.write(job.said_fd, f"{Said(report=report).model_dump_json()}\n".encode())
    return 1


def _config(wanted: Distributed, node: int, run: str, logs: str) -> LaunchConfig:
    config = LaunchConfig(
        min_nodes=wanted.nodes,
        max_nodes=wanted.nodes,
        nproc_per_node=wanted.processes,
        run_id=run,
        rdzv_backend="c10d",
        rdzv_endpoint=f"{LOOPBACK}:0",
        max_restarts=0,
        logs_specs=DefaultLogsSpecs(log_dir=logs),
    )
    if wanted.nodes > 1:
        # Of known places, so that the first process runs beside the builder, whom it tells.
        config.rdzv_backend, config.rdzv_endpoint = "static", cast(str, wanted.address)
        config.rdzv_configs = {"rank": node, "timeout": JOIN}
    else:
        config.local_addr = LOOPBACK
        os.environ.setdefault("GLOO_SOCKET_IFNAME", "lo")
    return config


def _lost(error: ChildFailedError, world: int) -> Report | None:
    """Which process ended without a word, if one did: the others' errors follow from that."""
    codes = {rank: failure.exitcode for rank, failure in sorted(error.failures.items())}
    # torchrun ends those that are left by SIGTERM: that tells only where nothing else does.
    lost = next((rank for rank, code in codes.items() if code not in (TOLD, -signal.SIGTERM)), None)
    if lost is None:
        if TOLD in codes.values():
            return None
        lost, _ = error.get_first_failure()
    code = codes[lost]
    return Report(
        error=f"process {lost + 1} of {world} {ending(code)}",
        may_pass=-code in FROM_OUTSIDE,
        lost=True,
    )


def _apart(error: DistError, wanted: Distributed) -> Report:
    """The nodes did not find each other, or the port is another program's."""
    told = str(error).partition("\n")[0]
    if wanted.nodes > 1:
        told = (
            f"{wanted.nodes} nodes did not meet at {wanted.address}: {told} Start `python -m "
            f"family.parallel.node STORE --number N` on each of the others, and see that they "
            f"reach that port of this one."
        )
    return Report(error=told, may_pass=True)


def _stand_in_for_the_builder() -> None:
    """Hold the processes' input open on a node where no builder does.

    What they say there goes unheard: the first process of all is another node's."""
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
