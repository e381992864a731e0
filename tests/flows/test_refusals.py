"""What the runs say that are refused something: the spec's own words, the store's own words."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from prefect.flows import Flow

from flows.look import look
from flows.rebuild import rebuild
from flows.release import release

FamilyFile = Callable[..., Path]
NOWHERE = Path("/proc/nowhere/store")


def failing(flow: Flow[..., Any], *arguments: object, **named: object) -> str:
    """What a run says that fails."""
    state = flow(*arguments, **named, return_state=True)
    assert state.is_failed()
    return str(state.message)


@pytest.mark.parametrize("flow", [rebuild, look])
def test_a_spec_that_has_moved(server: str, tmp_path: Path, flow: Flow[..., Any]) -> None:
    gone = tmp_path / "gone.yaml"
    assert failing(flow, gone, tmp_path / "store") == (
        f"{gone} has 1 fault:\n  there is no such file. Check the path."
    )
    assert not (tmp_path / "store").exists()


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (
            {"tiers": {"edge": {"distill": {"tokens": -1}}}},
            "tiers.edge.distill.tokens: -1 is out of bounds; it must be at least 1.",
        ),
        (
            {"rebuild": {"schedule": {"kind": "cron", "cron": "0 0 31 2 *"}}},
            "rebuild.schedule.cron: `0 0 31 2 *` never comes due: there is no such day. Mend its "
            "day or its month.",
        ),
    ],
)
def test_changes_that_the_spec_refuses(
    server: str, family_file: FamilyFile, tmp_path: Path, changes: dict[str, Any], said: str
) -> None:
    path = family_file()
    message = failing(rebuild, path, tmp_path / "store", changes=changes)
    assert message == f"{path} has 1 fault:\n  {said}"


@pytest.mark.parametrize(
    ("edited", "said"),
    [
        (
            {"fall": {"agrement": 0.01}},
            "The form of release/toys has 1 fault:\n"
            "  rebuild.fall.agrement: unknown; did you mean `agreement`?",
        ),
        (
            {"fall": {"agreement": -1}},
            "The form of release/toys has 1 fault:\n"
            "  rebuild.fall.agreement: -1 is below 0: how much worse a tier may be. Use 0.",
        ),
        (
            {"version": "next"},
            "next is no semantic version. It needs three numbers, as 1.2.0 has, and may end in a "
            "mark such as -rc.1.",
        ),
        ({"family": "tyos"}, "tyos: there is no such family. Did you mean toys?"),
    ],
)
def test_a_release_that_cannot_be(built: Path, edited: dict[str, Any], said: str) -> None:
    assert failing(release, **{"family": "toys", "store": built, **edited}) == said


@pytest.mark.parametrize("flow", [rebuild, look])
def test_a_store_that_cannot_be_reached(
    server: str, family_file: FamilyFile, flow: Flow[..., Any]
) -> None:
    said = failing(flow, family_file(), NOWHERE)
    assert said.startswith(f"{NOWHERE}: the store cannot be reached: No such file or directory.")


def test_a_store_that_is_not_where_a_release_looks_for_it(server: str, tmp_path: Path) -> None:
    said = failing(release, "toys", tmp_path / "none")
    assert said.startswith(f"{tmp_path / 'none'}: there is no store here.")
    assert not (tmp_path / "none").exists()
