"""A rebuild against the last release: what was held out has changed, so both are scored on it."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from prefect.client.schemas.objects import State

from family.lineage.queries import Lineage
from family.release import decide
from family.spec import Distill
from family.stage import Metric, Outcome, Settings
from family.store import Store, sha256
from flows import stages
from flows.rebuild import rebuild
from tests.flows import runs, table
from tests.flows.family import changed


def distill(inputs: Mapping[str, Path], settings: Distill, out: Path) -> Outcome:
    """A student that agrees with its teacher the more, the longer it was taught."""
    (out / "agrees.txt").write_text(f"{settings.tokens / 1000}")
    return table.model(inputs, settings, out)


def evaluate(inputs: Mapping[str, Path], settings: Settings, out: Path) -> Outcome:
    """How far a student agrees. As in the real one, what is held out is part of the protocol."""
    (out / "toy.txt").write_text("scored")
    agrees = float((inputs["model"] / "agrees.txt").read_text())
    return Outcome(
        metrics=(
            Metric(
                about="model",
                name="agreement",
                value=agrees,
                n=40,
                low=None,
                high=None,
                unit="tokens",
                protocol=sha256(inputs["corpus"] / "toy.txt"),
            ),
        )
    )


class Kept:
    """A family of toys that is kept up in this process."""

    def __init__(self, folder: Path) -> None:
        self.config, self.store = folder / "toys.yaml", Store(folder / "store")

    def rebuilt(self, topics: str, tokens: int = 700) -> State[str]:
        """Rebuild it with these prompts, and with edge taught by so many tokens."""
        taught = {"distill": {"tokens": 700}}
        raw = changed(mini=taught, nano=taught, edge={"distill": {"tokens": tokens}})
        raw["prompts"]["topics"] = topics.split()
        raw["rebuild"] = {"fall": {"agreement": 0.01}}
        self.config.write_text(json.dumps(raw))
        return rebuild(self.config, self.store.root, return_state=True)

    @property
    def lineage(self) -> Lineage:
        return Lineage(self.store)

    def protocols(self, model: str) -> set[str]:
        return {one.protocol for one in self.lineage.show(model).metrics if one.name == "agreement"}


@pytest.fixture(scope="module")
def kept(server: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kept]:
    """Released once, as 0.1.0."""
    toys = {"distill": distill, "evaluate": evaluate}
    own = {
        name: replace(table.STAGES[name], function=f"{__name__}:{toy.__name__}", heavy=False)
        for name, toy in toys.items()
    }
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(stages, "STAGES", {**table.STAGES, **own})
        made = Kept(tmp_path_factory.mktemp("kept"))
        state = made.rebuilt("tea rain snow wind salt iron wood milk")
        assert state.name == "Released", state.message
        decide.approve(made.store, "toys", "0.1.0", by="Grace")
        decide.promote(made.store, "toys", "0.1.0", by="Grace")
        yield made


def verdict(tier: str) -> dict[str, Any]:
    """What the table says of a tier, whose page was left by the last rebuild."""
    rows = json.loads(str(runs.artifact("toys-falls").data))
    (found,) = (row for row in rows if row["tier"] == tier)
    return {name: found[name] for name in ("before", "now", "worse by", "verdict")}


def test_the_released_models_are_scored_anew_where_what_is_held_out_has_changed(
    kept: Kept,
) -> None:
    before = kept.protocols("toys/edge@0.1.0")
    assert len(before) == 1
    state = kept.rebuilt("tea rain snow wind salt iron wood coffee")
    assert state.name == "Released", state.message
    now = kept.protocols("toys/edge")
    assert now & before == set()
    for tier in ("mini", "nano", "edge"):
        assert kept.protocols(f"toys/{tier}@0.1.0") == before | now
    assert verdict("edge") == {"before": "0.7", "now": "0.7", "worse by": "0", "verdict": "passed"}
    assert not [step for step in kept.store.head("toys") if "0.1.0" in step]


def test_a_tier_that_fell_on_what_is_held_out_now_is_not_released(kept: Kept) -> None:
    state = kept.rebuilt("tea rain snow wind salt iron wood cocoa", tokens=600)
    assert state.is_failed()
    assert state.message == (
        "edge fell against 0.1.0: agreement 0.7 → 0.6, worse by 0.1 where 0.01 is allowed"
    )
    assert [one.version for one in kept.lineage.releases("toys")] == ["0.1.1", "0.1.0"]
    assert verdict("edge")["verdict"] == "fell"
    assert verdict("mini")["verdict"] == "passed"
