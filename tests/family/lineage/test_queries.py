"""What the index answers, on a family sealed by hand."""

import hashlib
import subprocess
import sys
from pathlib import Path

import pytest

from family.errors import NotFoundError
from family.lineage.queries import Lineage
from family.lineage.views import Status
from family.stage import Outcome
from family.store import Store
from tests.family.lineage.hand_built import Family, add_flagship, add_tier, facts


@pytest.fixture(scope="module")
def lineage(told: Family) -> Lineage:
    return Lineage(told.store)


@pytest.fixture(scope="module")
def status(lineage: Lineage) -> Status:
    return lineage.status("toy")


# ---- status --------------------------------------------------------------------------------


def test_status_lists_the_flagship_and_the_tiers_by_size(status: Status) -> None:
    assert [member.tier for member in status.members] == ["flagship", "mini", "nano", "edge"]
    assert status.flagship
    assert status.flagship.title == "SmolLM2-135M-Instruct"
    assert status.flagship.licence == "Apache-2.0"


def test_the_json_of_status_has_the_documented_shape(status: Status) -> None:
    told = status.model_dump(mode="json")
    assert list(told) == ["family", "version", "store", "flagship", "tiers"]
    mini = told["tiers"][0]
    assert set(mini) == {
        "tier",
        "model",
        "name",
        "parameters",
        "architecture",
        "metrics",
        "parents",
        "files",
        "gate",
    }
    assert mini["metrics"][2] == {
        "name": "agreement",
        "value": 0.75,
        "n": 1000,
        "interval": [0.74, 0.76],
        "unit": "tokens",
        "protocol": mini["metrics"][2]["protocol"],
    }
    assert len(mini["model"]) == 16
    assert set(mini["gate"]) == {"passed", "verdicts"}
    assert set(told["flagship"]) == {*mini, "title", "licence"}
    assert Status.model_validate_json(status.model_dump_json()) == status


def test_a_file_is_the_one_on_disk_that_holds_the_weights(status: Status) -> None:
    for member in status.members:
        for file in member.files:
            for part in file.files:
                content = Path(part.path).read_bytes()
                assert (len(content), hashlib.sha256(content).hexdigest()) == (
                    part.bytes,
                    part.sha256,
                )
    int4 = status.tiers[1].file("int4")
    assert int4
    assert int4.path == f"{int4.folder}/model.onnx.data"
    assert {Path(file.path).name for file in int4.beside} == {"model.onnx", "tokenizer.json"}
    assert int4.name == "toy/nano/int4"


def test_files_go_from_the_largest_and_carry_what_was_measured_on_them(status: Status) -> None:
    for tier in status.tiers:
        assert [file.precision for file in tier.files] == ["fp32", "int8", "int4"]
    names = {figure.name for figure in status.tiers[0].files[2].metrics}
    assert names == {"bits_per_byte", "agreement", "kl", "decode_tokens_per_second"}


def test_parents_are_those_of_the_model_and_of_its_start(status: Status) -> None:
    edge = status.tiers[2]
    assert [(parent.kind, parent.name) for parent in edge.parents] == [
        ("pruned_from", "toy/nano"),
        ("initialised_from", "toy/edge/start"),
        ("distilled_from", "toy/nano"),
        ("data_generated_by", "toy/flagship"),
    ]


def test_a_figure_of_the_flagship_counts_once(status: Status) -> None:
    assert status.flagship
    assert [figure.name for figure in status.flagship.metrics] == ["bits_per_byte"]


def test_what_is_about_an_earlier_model_of_the_tier_is_left_out(family: Family) -> None:
    gate = family.heads["nano/gate"]
    add_tier(family, "nano", 30_000_000, 0.71, parent="mini/distill", turn="again")
    before = Lineage(family.store).status("toy").tiers[1]
    assert before.gate
    family.note("nano", "gate", gate)  # as if the new gate had not judged yet

    nano = Lineage(family.store).status("toy").tiers[1]

    assert nano.gate is None
    assert nano.metrics == before.metrics
    family.note("nano", "distill", family.heads["mini/distill"])
    other = Lineage(family.store).status("toy").tiers[1]
    assert (other.metrics, other.files, other.gate) == ((), (), None)


def test_an_older_model_that_becomes_the_head_again_is_what_the_family_has(
    family: Family,
) -> None:
    old = dict(family.heads)
    add_tier(family, "nano", 30_000_000, 0.71, parent="mini/distill", turn="again")
    for place, key in old.items():
        family.note(*place.split("/"), key)

    nano = Lineage(family.store).status("toy").tiers[1]

    assert nano.model == old["nano/distill"][:16]
    assert nano.gate


def test_a_tier_that_was_never_judged_has_no_gate(store: Store) -> None:
    family = Family(store)
    add_flagship(family)
    add_tier(family, "mini", 61_000_000, 0.75)
    del family.heads["mini/gate"]
    family.end()

    assert Lineage(store).status().tiers[0].gate is None


def test_two_tiers_that_are_the_same_artifact_have_a_name_each(family: Family) -> None:
    for place in [place for place in family.heads if place.startswith("nano/")]:
        family.note("twin", place.removeprefix("nano/"), family.heads[place])

    lineage = Lineage(family.store)
    tiers = {tier.tier: tier for tier in lineage.status("toy").tiers}

    assert tiers["twin"].model == tiers["nano"].model
    assert tiers["twin"].name == "toy/twin"
    assert [file.name for file in tiers["twin"].files][2] == "toy/twin/int4"
    assert lineage.show("twin").name == "toy/twin"
    assert lineage.show("twin").names == ("toy/nano", "toy/twin")


def test_an_index_that_was_lost_is_rebuilt_when_it_is_read(family: Family) -> None:
    before = Lineage(family.store).status("toy")
    for path in family.store.root.glob("lineage.db*"):
        path.unlink()

    assert Lineage(family.store).status("toy") == before


def test_a_family_that_is_not_there_is_answered_with_the_nearest(lineage: Lineage) -> None:
    with pytest.raises(NotFoundError, match=r"^toi: there is no such family\. Did you mean toy\?"):
        lineage.status("toi")


def test_a_store_without_families_says_what_to_run(store: Store) -> None:
    with pytest.raises(NotFoundError, match="Run `descent build CONFIG` first"):
        Lineage(store).status()
    with pytest.raises(NotFoundError, match="nano: no model was built yet"):
        Lineage(store).show("nano")


def test_which_family_is_asked_for_when_there_are_several(family: Family) -> None:
    other = Family(family.store, "other", kept=family.kept)
    other.note("", "flagship", family.heads["/flagship"])
    lineage = Lineage(family.store)
    assert lineage.families() == ["other", "toy"]
    with pytest.raises(NotFoundError, match=r"There are 2 families; name one: other, toy\."):
        lineage.status()
    assert lineage.status("other").flagship


# ---- names ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "place"),
    [
        ("toy/nano", "nano/distill"),
        ("nano", "nano/distill"),
        ("nano/int4", "nano/export:int4"),
        ("toy/nano/start", "nano/start"),
        ("flagship", "/flagship"),
    ],
)
def test_a_name_means_the_model_at_that_place(
    lineage: Lineage, told: Family, name: str, place: str
) -> None:
    found = lineage.resolve(name)
    assert found.key == told.heads[place]
    assert found.folder == str(told.store.folder(found.key))


def test_a_model_is_found_by_its_key_its_digest_and_its_files(
    lineage: Lineage, told: Family
) -> None:
    key = told.heads["nano/export:int4"]
    weights = told.kept[key].files["model.onnx.data"].sha256
    for digits in (key[:6], key[:16], key, told.kept[key].digest, weights[:12]):
        assert lineage.resolve(digits).name == "toy/nano/int4"


def test_a_digest_that_several_models_have_lists_them(lineage: Lineage, told: Family) -> None:
    tokenizer = told.kept[told.heads["nano/export:int4"]].files["tokenizer.json"].sha256
    with pytest.raises(NotFoundError, match=r"may mean 10 models; say which:\n  toy/edge/fp32 "):
        lineage.resolve(tokenizer)


def test_a_bare_name_that_two_families_have_lists_both(family: Family) -> None:
    other = Family(family.store, "other", kept=family.kept)
    other.note("nano", "distill", family.heads["mini/distill"])
    lineage = Lineage(family.store)
    with pytest.raises(NotFoundError, match=r"nano may mean 2 models; say which:\n  other/nano "):
        lineage.resolve("nano")
    assert lineage.resolve("other/nano").key == family.heads["mini/distill"]


def test_an_unknown_name_is_answered_with_the_nearest(lineage: Lineage) -> None:
    with pytest.raises(NotFoundError, match=r"^nanno: there is no such model\. Did you mean nano"):
        lineage.resolve("nanno")
    with pytest.raises(NotFoundError, match=r"There are toy/flagship, toy/edge"):
        lineage.resolve("zzzzzz")


def test_a_superseded_model_keeps_a_name(family: Family) -> None:
    old = family.heads["nano/distill"]
    add_tier(family, "nano", 30_000_000, 0.71, parent="mini/distill", turn="again")
    lineage = Lineage(family.store)
    name = f"toy/nano@{old[:8]}"
    assert lineage.show(old).name == name
    assert lineage.resolve(name).key == old
    assert lineage.status("toy").tiers[2].parents[0].name == name  # edge still comes from it


# ---- ancestors and descendants -------------------------------------------------------------


def test_ancestors_are_the_edges_up_to_the_leaves(lineage: Lineage) -> None:
    found = lineage.ancestors("edge/int4")
    assert [(edge.child_name, edge.kind, edge.parent_name) for edge in found] == [
        ("toy/edge/int4", "quantized_from", "toy/edge"),
        ("toy/edge", "initialised_from", "toy/edge/start"),
        ("toy/edge", "distilled_from", "toy/nano"),
        ("toy/edge", "data_generated_by", "toy/flagship"),
        ("toy/edge/start", "pruned_from", "toy/nano"),
        ("toy/nano", "initialised_from", "toy/nano/start"),
        ("toy/nano", "distilled_from", "toy/flagship"),
        ("toy/nano", "data_generated_by", "toy/flagship"),
        ("toy/nano/start", "pruned_from", "toy/mini"),
        ("toy/mini", "initialised_from", "toy/mini/start"),
        ("toy/mini", "distilled_from", "toy/flagship"),
        ("toy/mini", "data_generated_by", "toy/flagship"),
        ("toy/mini/start", "pruned_from", "toy/flagship"),
    ]
    assert found[2].detail == {
        "tokens": 200_000,
        "loss": "forward_kl",
        "steps": 195,
        "final_loss": 0.84,
    }
    assert lineage.ancestors("flagship") == ()


def test_descendants_are_the_edges_down(lineage: Lineage) -> None:
    found = [(edge.child_name, edge.kind) for edge in lineage.descendants("nano")]
    assert found == [
        ("toy/edge", "distilled_from"),
        ("toy/edge/start", "pruned_from"),
        ("toy/nano/fp32", "exported_from"),
        ("toy/nano/int4", "quantized_from"),
        ("toy/nano/int8", "quantized_from"),
        ("toy/edge/fp32", "exported_from"),
        ("toy/edge/int4", "quantized_from"),
        ("toy/edge/int8", "quantized_from"),
        ("toy/edge", "initialised_from"),
    ]
    assert lineage.descendants("edge/int4") == ()


def test_show_tells_how_a_model_was_made(lineage: Lineage, told: Family) -> None:
    card = lineage.show("nano")
    assert card.name == "toy/nano"
    assert card.prefect_run_id == f"run-{card.key[:6]}"
    assert card.seed == 0
    assert card.environment["python"] == "3.11.7"
    assert card.facts == {"steps": 195}
    assert card.recipe["inputs"]["teacher"] == told.heads["/flagship"]
    assert [figure.name for figure in card.metrics] == [
        "bits_per_byte",
        "kl",
        "agreement",
        "retention",
    ]
    assert [edge.kind for edge in card.parents] == [
        "initialised_from",
        "distilled_from",
        "data_generated_by",
    ]
    assert len(card.children) == 5


# ---- contains and path ---------------------------------------------------------------------


def test_every_shipped_file_that_descends_from_a_teacher_is_listed(family: Family) -> None:
    old = family.heads["nano/export:int4"]
    add_tier(family, "nano", 30_000_000, 0.71, parent="mini/distill", turn="again")

    found = Lineage(family.store).contains("mini")

    precisions = ("fp32", "int4", "int8")
    now = [
        f"toy/{tier}/{precision}" for tier in ("edge", "mini", "nano") for precision in precisions
    ]
    assert [one.name for one in found if one.now] == now
    gone = [one for one in found if not one.now]
    assert [one.model for one in gone if one.precision == "int4"] == [old[:16]]
    assert found[-3:] == tuple(gone)
    for one in found:
        for file in one.files:
            assert hashlib.sha256(Path(file.path).read_bytes()).hexdigest() == file.sha256
        assert len(one.files) == 3


def test_a_file_that_ships_contains_only_itself(lineage: Lineage) -> None:
    assert [one.name for one in lineage.contains("edge/int4")] == ["toy/edge/int4"]
    assert lineage.contains("edge/start")[0].name == "toy/edge/fp32"


def test_the_shortest_way_between_two_models_is_told_from_the_younger_up(lineage: Lineage) -> None:
    for ends in (("edge/int4", "flagship"), ("flagship", "edge/int4")):
        found = lineage.path(*ends)
        assert [(edge.child_name, edge.kind, edge.parent_name) for edge in found] == [
            ("toy/edge/int4", "quantized_from", "toy/edge"),
            ("toy/edge", "data_generated_by", "toy/flagship"),
        ]
    assert lineage.path("nano", "toy/nano") == ()


def test_models_beside_one_another_are_told_what_both_came_from(lineage: Lineage) -> None:
    said = r"^Neither of nano/int4 and nano/int8 came from the other\. Both came from toy/nano\.$"
    with pytest.raises(NotFoundError, match=said):
        lineage.path("nano/int4", "nano/int8")


def test_models_of_two_families_may_share_no_ancestor(family: Family) -> None:
    other = Family(family.store, "other")
    other.seal("", "flagship", Outcome(model=facts(7)), {"w": "else"}, weights="e" * 64)
    with pytest.raises(NotFoundError, match=r"They share no ancestor\.$"):
        Lineage(family.store).path("other/flagship", "edge")


# ---- the door ------------------------------------------------------------------------------


def test_reading_the_index_imports_nothing_heavy() -> None:
    code = (
        "import sys, family.lineage.queries, family.lineage.record\n"
        "heavy = {'torch', 'transformers', 'onnx', 'onnxruntime', 'prefect', 'numpy', 'alembic',"
        " 'matplotlib', 'rich'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert said.stdout.strip() == "[]"
