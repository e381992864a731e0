"""The data that a model was taught with."""

from family.lineage.queries import Lineage
from family.lineage.views import Dataset
from family.spec import EndpointResponses
from family.stage import Outcome
from family.store import Store
from tests.family.lineage.hand_built import (
    Family,
    add_data,
    add_flagship,
    add_served_data,
    add_tier,
)


def told(store: Store, name: str = "edge/int4") -> dict[str, Dataset]:
    return {one.kind: one for one in Lineage(store).datasets(name)}


def build(store: Store, licence: str = "CC-BY-4.0") -> Family:
    family = Family(store)
    add_flagship(family)
    add_data(family)
    about = {"flagship": "/flagship", "prompts": "/prompts"}
    family.seal("", "about", Outcome(facts={"prompts_licence": licence}), **about)
    add_tier(family, "nano", 30_000_000, 0.7)
    add_tier(family, "edge", 15_000_000, 0.66, parent="nano/distill", teacher="nano/distill")
    family.end()
    return family


def test_data_are_told_from_prompts_to_blocks_with_counts(store: Store) -> None:
    build(store)
    counted = [(one.kind, one.train, one.held_out, one.tokens) for one in told(store).values()]
    assert counted == [("prompts", 8, 1, None), ("responses", 8, 1, 500), ("blocks", 3, 1, 480)]


def test_each_says_what_it_was_made_from_and_who_wrote_it(store: Store) -> None:
    family = build(store)
    found = told(store)
    assert [(one.made_from, one.generated_by) for one in found.values()] == [
        ((), None),
        (("toy/prompts",), "toy/flagship"),
        (("toy/responses",), None),
    ]
    assert {one.taught for one in found.values()} == {"toy/edge"}
    prompts = family.kept[family.heads["/prompts"]]
    assert found["prompts"].digest == prompts.digest
    assert found["prompts"].id == prompts.key[:16]


def test_prompts_bear_the_licence_that_is_stated_now(store: Store) -> None:
    family = build(store)
    assert [one.licence for one in told(store).values()] == ["CC-BY-4.0", None, None]
    words = Outcome(facts={"prompts_licence": "own"})
    family.seal("", "about", words, turn="corrected", flagship="/flagship", prompts="/prompts")
    assert told(store)["prompts"].licence == "own"


def test_what_nobody_taught_has_no_data(store: Store) -> None:
    build(store)
    assert told(store, "flagship") == {}
    assert told(store, "nano/start") == {}


def test_a_model_keeps_the_data_that_it_was_taught_with(store: Store) -> None:
    family = build(store)
    nano = family.heads["nano/distill"]
    before = told(store, nano)
    family.seal("", "corpus", Outcome(), turn="another", flagship="/flagship")
    assert told(store, nano) == before


def test_a_card_shows_them(store: Store) -> None:
    build(store)
    lineage = Lineage(store)
    assert lineage.show("edge").data == lineage.datasets("edge")


def test_answers_of_a_service_name_it_and_bear_its_terms(store: Store) -> None:
    family = Family(store)
    add_flagship(family)
    service = EndpointResponses(
        kind="endpoint", url="https://api.example.com/v1", model="large", licence="openai"
    )
    add_served_data(family, service)
    about = {"flagship": "/flagship", "prompts": "/prompts", "responses": "/responses"}
    words = {"prompts_licence": "own", "responses_licence": "openai"}
    family.seal("", "about", Outcome(facts=words), turn="served", **about)
    add_tier(family, "edge", 15_000_000, 0.66)
    family.end()
    found = {one.name: one for one in Lineage(store).datasets("edge/int4")}
    assert {name: (one.generated_by, one.licence) for name, one in found.items()} == {
        "toy/prompts": (None, "own"),
        "toy/responses": ("large at api.example.com", "openai"),
        "toy/kept": (None, None),
        "toy/corpus": (None, None),
    }
    assert found["toy/kept"].made_from == ("toy/responses",)
