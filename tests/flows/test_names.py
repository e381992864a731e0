"""What runs are called in Prefect's interface."""

import pytest

from family.plan import steps
from flows.build import build, hold_back, tier
from flows.look import look
from flows.names import SENTENCES, sentence
from flows.rebuild import rebuild
from flows.release import release
from flows.stages import STAGES
from tests.toys import LEAVES, family, table


def test_every_stage_has_a_sentence() -> None:
    assert SENTENCES.keys() == STAGES.keys()


@pytest.mark.parametrize(
    ("step", "said"),
    [
        ("/corpus", "Pack the corpus into blocks"),
        ("mini/distill", "Distil mini"),
        ("edge/export:int4", "Export edge as int4"),
        ("edge/signal", "Capture what the teacher says for edge"),
    ],
)
def test_a_sentence_names_the_tier_and_the_variant(step: str, said: str) -> None:
    start = {"kind": "prune", "shape": {"layers": 2}}
    tiers = {"mini": {"start": start}, "edge": {"start": start, "teacher": "mini"}}
    found = {one.id: one for one in steps(family(tiers), LEAVES, table())}
    assert sentence(found[step]) == said


@pytest.mark.parametrize("flow", [build, tier, hold_back, look, rebuild, release])
def test_every_flow_and_each_of_its_parameters_is_described(flow: object) -> None:
    assert flow.description  # type: ignore[attr-defined]
    parameters = flow.parameters.properties  # type: ignore[attr-defined]
    assert parameters
    assert [name for name, one in parameters.items() if not one.get("description")] == []
