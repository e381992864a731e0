"""A served family: it is rebuilt, waits for a person, and goes on when somebody has spoken."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from prefect.exceptions import PrefectHTTPStatusError
from prefect.flow_runs import resume_flow_run
from prefect.settings import PREFECT_API_URL, temporary_settings

from family.lineage.queries import Lineage
from family.store import Store
from tests.flows.family import changed
from tests.flows.lasting import Lasting


class Team:
    """Keeps one family of toys up."""

    def __init__(self, folder: Path, server: Lasting) -> None:
        self.config, self.store, self.server = folder / "toys.yaml", folder / "store", server

    def writes(self, rebuild: dict[str, Any] | None = None, **tiers: dict[str, Any]) -> None:
        self.config.write_text(json.dumps({**changed(**tiers), "rebuild": rebuild or {}}))

    def rebuilds(self) -> str:
        """Have the family rebuilt; the name of the state in which that ended."""
        started = self.server.start("rebuild/toys")
        ended = self.server.state(started, "Released", "Nothing stale", "Failed", "Crashed")
        assert ended.state
        return f"{ended.state.name}"

    @property
    def lineage(self) -> Lineage:
        return Lineage(Store(self.store))


@pytest.fixture(scope="module")
def team(tmp_path_factory: pytest.TempPathFactory, lasting_server: Lasting) -> Iterator[Team]:
    made = Team(tmp_path_factory.mktemp("team"), lasting_server)
    made.writes()
    with lasting_server.serving(made.config, store=made.store):
        yield made


def test_a_rebuilt_family_waits_and_is_promoted_once_somebody_approves(team: Team) -> None:
    assert team.rebuilds() == "Released"
    waiting = team.server.newest("release")
    team.server.state(waiting.id, "Suspended")
    candidate = team.lineage.release("toys", "candidate")
    assert (candidate.version, candidate.approved) == ("0.1.0", None)

    said = team.server.descent(
        *("approve", "toys", "candidate", "--by", "Grace", "--reason", "Read them all."),
        *("--store", str(team.store)),
    )
    assert said.stdout == "toys 0.1.0 is approved by Grace.\n"
    assert "goes on" in said.stderr
    team.server.state(waiting.id, "Promoted")
    assert team.lineage.release("toys", "production").version == "0.1.0"


def test_a_family_of_which_nothing_is_stale_is_left_alone(team: Team) -> None:
    assert team.rebuilds() == "Nothing stale"
    assert len(team.lineage.releases("toys")) == 1


def test_the_form_in_the_interface_rejects_and_the_work_is_kept(team: Team) -> None:
    team.writes(edge={"distill": {"tokens": 11}})
    assert team.rebuilds() == "Released"
    waiting = team.server.newest("release")
    team.server.state(waiting.id, "Suspended")
    with temporary_settings({PREFECT_API_URL: team.server.url}):
        answer = {"decision": "reject", "by": "Grace", "note": "edge repeats itself"}
        resume_flow_run(waiting.id, run_input=answer)
    team.server.state(waiting.id, "Rejected")

    rejected = team.lineage.release("toys", "0.1.1")
    assert rejected.approved is False
    assert (rejected.decisions[-1].by, rejected.decisions[-1].reason) == (
        "Grace",
        "edge repeats itself",
    )
    assert team.lineage.release("toys", "production").version == "0.1.0"
    assert team.lineage.status("toys", "0.1.1").tiers


def test_a_release_that_nobody_approves_in_time_is_rejected(team: Team) -> None:
    started = team.server.start("release/toys", version="0.2.0", hours=0.0005)
    team.server.state(started, "Failed")
    said = team.server.descent("approve", "toys", "0.2.0", "--store", str(team.store))
    assert said.returncode == 5
    assert "toys 0.2.0 was rejected: nobody approved it until 20" in said.stderr


def test_a_spec_that_has_moved_is_told_by_what_the_schedule_started(team: Team) -> None:
    gone = team.config.with_name("gone.yaml")
    failed = team.server.state(team.server.start("rebuild/toys", config=str(gone)), "Failed")
    assert failed.state
    assert failed.state.message == (
        f"{gone} has 1 fault:\n  there is no such file. Check the path."
    )


@pytest.mark.parametrize("edited", [{"hours": -1}, {"alias": "To Production!"}])
def test_what_no_release_can_have_is_refused_before_there_is_a_run(
    team: Team, edited: dict[str, Any]
) -> None:
    (field,) = edited
    with pytest.raises(PrefectHTTPStatusError, match=f"Validation failed for field '{field}'"):
        team.server.start("release/toys", **edited)
