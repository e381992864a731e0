"""Approvals at the command line for runs that wait no longer."""

import shutil
import socket
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from click.testing import CliRunner
from prefect import flow
from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import State
from prefect.settings import PREFECT_API_URL, temporary_settings
from prefect.states import Cancelled, Completed, Crashed

from family.lineage.queries import Lineage
from family.release.freeze import release
from family.store import Store
from flows.cli.main import cli

Release = Callable[[UUID], Store]
BY_HAND = "Promote it yourself: descent promote toys 1.0.0\n"


@pytest.fixture
def released(built: Path, tmp_path: Path) -> Release:
    """A release of the toys for whose approval a run waits."""

    def make(run: UUID) -> Store:
        shutil.copytree(built, tmp_path / "store")
        store = Store(tmp_path / "store")
        within = timedelta(hours=1)
        release(store, "toys", "1.0.0", by="Ada", within=within, prefect_run_id=str(run))
        return store

    return make


def approve(store: Store) -> str:
    """What is said beside the answer."""
    arguments = ["approve", "toys", "1.0.0", "--by", "Grace", "--store", str(store.root)]
    said = CliRunner().invoke(cli, arguments)
    assert said.exit_code == 0, said.output
    assert said.stdout == "toys 1.0.0 is approved by Grace.\n"
    assert Lineage(store).release("toys", "1.0.0").approved  # whatever became of the run
    return said.stderr


@flow
def waiting() -> None:
    """Stands for a release that waits."""


@pytest.mark.parametrize(
    "ended", [Cancelled(), Crashed(), Completed(name="Rejected")], ids=lambda state: str(state.name)
)
def test_a_run_that_has_ended_is_told_and_how_to_promote_without_it(
    server: str, released: Release, ended: State
) -> None:
    with get_client(sync_client=True) as client:
        run = client.create_flow_run(waiting)
        client.set_flow_run_state(run.id, ended, force=True)
    said = approve(released(run.id))
    assert said == f"The run that waited, {run.name}, has ended ({ended.name}). {BY_HAND}"


def test_a_run_that_the_server_does_not_know_is_told(server: str, released: Release) -> None:
    said = approve(released(uuid4()))
    assert said == f"The server does not know the run that waited. {BY_HAND}"


def test_a_server_that_is_away_keeps_nobody_from_approving(released: Release) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        url = f"http://127.0.0.1:{taken.getsockname()[1]}/api"
    with temporary_settings({PREFECT_API_URL: url}):
        said = approve(released(uuid4()))
    assert said.startswith("The run that waits could not be told (")
    assert said.endswith(BY_HAND)


def test_without_a_server_it_is_said_how_to_name_one(released: Release) -> None:
    with temporary_settings({PREFECT_API_URL: None}):
        said = approve(released(uuid4()))
    assert said.startswith("Its run waits on a Prefect server. Name it with PREFECT_API_URL")
