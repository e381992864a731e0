"""What starts a rebuild besides a schedule: a new flagship, and another family's release."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterDeploymentId
from prefect.client.schemas.objects import FlowRun
from prefect.client.schemas.sorting import FlowRunSort

from family.doctor.findings import Checkup
from family.store import Store
from flows.look import look
from tests.flows.family import TOYS
from tests.flows.lasting import Lasting, until


@dataclass(frozen=True)
class Two:
    """Two families on one server: `watched`, and `waiting`, which is rebuilt after it."""

    server: Lasting
    folder: Path

    @property
    def store(self) -> Path:
        return self.folder / "store"

    def flagship(self, weights: str) -> None:
        (self.folder / "flagship.gguf").write_bytes(b"GGUF" + weights.encode())

    def config(self, family: str, **rebuild: Any) -> Path:
        source = {"kind": "gguf", "path": "flagship.gguf"}
        edge = {"edge": TOYS["tiers"]["edge"]}
        path = self.folder / f"{family}.yaml"
        raw = {**TOYS, "family": family, "rebuild": rebuild, "tiers": edge}
        path.write_text(json.dumps({**raw, "flagship": {**TOYS["flagship"], "source": source}}))
        return path

    def ended(self, run: UUID) -> str:
        """The name of the state in which a run ended."""

        def final() -> str | None:
            state = self.server.run(run).state
            return state.name if state and state.is_final() else None

        return until(final, lambda: f"{self.server.run(run).state}")

    def looked(self) -> str:
        """What a look at the flagship finds, without a run of it."""
        return str(look.fn(self.folder / "watched.yaml", self.store).name)

    def rebuilds(self, family: str) -> list[FlowRun]:
        """The runs of a family's rebuild, the newest first."""
        with self.server.client() as client:
            deployed = client.read_deployment_by_name(f"rebuild/{family}")
            which = FlowRunFilter(deployment_id=FlowRunFilterDeploymentId(any_=[deployed.id]))
            newest = FlowRunSort.EXPECTED_START_TIME_DESC
            return client.read_flow_runs(flow_run_filter=which, sort=newest, limit=50)


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory, lasting_server: Lasting) -> Iterator[Two]:
    made = Two(lasting_server, tmp_path_factory.mktemp("two"))
    made.flagship("first")
    watched = made.config("watched", watch="P1D")
    waiting = made.config("waiting", after=["watched"])
    with lasting_server.serving(watched, waiting, store=made.store):
        yield made


def test_a_served_family_is_well_in_the_eyes_of_the_doctor(two: Two) -> None:
    said = two.server.descent(
        "doctor", str(two.folder / "watched.yaml"), "--store", str(two.store), "--json"
    )
    found = {one.check: one for one in Checkup.model_validate_json(said.stdout).findings}
    for flow in ("rebuild", "release", "look"):
        assert found[f"{flow}/watched"].found.startswith("served")


def test_a_new_flagship_starts_a_rebuild_and_the_same_one_none(two: Two) -> None:
    first = two.server.start("rebuild/watched", release=False)
    assert two.ended(first) == "Completed"
    before = Store(two.store).head("watched")["/flagship"]
    assert two.looked() == "Unchanged"

    two.flagship("second")
    assert two.ended(two.server.start("look/watched")) == "Changed"
    started = until(lambda: [one for one in two.rebuilds("watched") if one.id != first])[0]
    assert started.created_by
    assert started.created_by.type == "AUTOMATION"
    assert two.ended(started.id) == "Released"
    assert Store(two.store).head("watched")["/flagship"] != before

    assert two.looked() == "Unchanged"
    assert len(two.rebuilds("watched")) == 2


def test_a_family_is_rebuilt_once_one_that_it_waits_for_is_promoted(two: Two) -> None:
    assert two.rebuilds("waiting") == []
    waits = two.server.newest("release")
    two.server.state(waits.id, "Suspended")
    said = two.server.descent(
        "approve", "watched", "candidate", "--by", "Grace", "--store", str(two.store)
    )
    assert said.returncode == 0, said.stderr
    started = until(lambda: two.rebuilds("waiting"))[0]
    assert two.ended(started.id) == "Released"
    assert Store(two.store).head("waiting")
