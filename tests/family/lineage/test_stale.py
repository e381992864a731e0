"""What a new flagship leaves behind."""

import json

import pytest
from click.testing import CliRunner

from family.errors import NotFoundError
from family.lineage.queries import Lineage
from family.stage import Outcome
from flows.cli.main import cli
from tests.family.lineage.hand_built import Family, add_release, add_tier, facts

pytestmark = pytest.mark.both

TIERS = ("edge", "mini", "nano")
SETS = ("", "/fp32", "/int4", "/int8")


def new_flagship(family: Family) -> str:
    """Exchange the flagship; nothing is rebuilt from it yet."""
    made = Outcome(model=facts(134_500_000))
    return family.seal("", "flagship", made, {"model.safetensors": "new"}, weights="e" * 64)


def rebuild(family: Family, *tiers: str) -> None:
    """Make the corpus, its signal and some tiers from the flagship that there is."""
    family.seal("", "corpus", Outcome(), flagship="/flagship")
    family.seal("", "signal", Outcome(), teacher="/flagship", corpus="/corpus")
    parent = "/flagship"
    for tier in tiers:
        add_tier(family, tier, 15_000_000, 0.7, parent=parent, teacher=parent)
        parent = f"{tier}/distill"


def test_nothing_is_stale_while_all_came_of_what_the_family_has(family: Family) -> None:
    add_release(family, "1.0.0", "production")
    assert Lineage(family.store).stale("toy") == ()


def test_a_new_flagship_leaves_every_tier_and_file_behind(family: Family) -> None:
    old = family.heads["/flagship"]
    new = new_flagship(family)

    found = Lineage(family.store).stale("toy")

    assert [one.name for one in found] == [f"toy/{tier}{one}" for tier in TIERS for one in SETS]
    assert all(one.now and not one.releases for one in found)
    [left] = found[0].left
    assert (left.step, left.key, left.now) == ("flagship", old, new)
    assert found[0].reason == (
        f"made from toy/flagship@{old[:8]}; the family now has flagship {new[:8]}"
    )


def test_what_was_rebuilt_is_stale_no_more_but_what_an_alias_stands_on_is(family: Family) -> None:
    add_release(family, "1.0.0", "production", "candidate")
    old = {place: key for place, key in family.heads.items() if "distill" in place}
    new_flagship(family)
    rebuild(family, "mini")
    lineage = Lineage(family.store)

    found = {one.name: one for one in lineage.stale()}

    assert "toy/mini" not in found
    assert found["toy/nano"].now
    assert found["toy/nano"].releases == {"1.0.0": ("candidate", "production")}
    mini = found["toy/mini@1.0.0"]
    assert (mini.now, mini.model) == (False, old["mini/distill"][:16])
    assert lineage.resolve(mini.name).key == old["mini/distill"]
    assert [one.now for one in found.values()] == sorted(
        (one.now for one in found.values()), reverse=True
    )


def test_a_release_that_no_alias_stands_on_any_more_is_left_out(family: Family) -> None:
    add_release(family, "1.0.0", "production")
    old = family.heads["mini/distill"]
    new_flagship(family)
    rebuild(family, "mini", "nano", "edge")
    assert {one.model for one in Lineage(family.store).stale()} >= {old[:16]}

    add_release(family, "2.0.0", "production", previous="1.0.0")

    assert Lineage(family.store).stale() == ()


def test_other_leaves_and_leaves_that_are_gone_count_too(family: Family) -> None:
    family.seal("", "prompts", Outcome(facts={"rows": 7}))
    family.seal("", "corpus", Outcome(), turn=" taught", flagship="/flagship", prompts="/prompts")
    add_tier(family, "mini", 61_000_000, 0.75, turn=" taught")
    prompts = family.heads.pop("/prompts")
    family.end()

    found = {one.name: one for one in Lineage(family.store).stale()}

    assert found.keys() == {f"toy/mini{one}" for one in SETS}
    assert found["toy/mini"].reason == (
        f"made from toy/prompts@{prompts[:8]}; the family now has no prompts"
    )
    new = new_flagship(family)
    reason = {one.name: one for one in Lineage(family.store).stale()}["toy/mini"].reason
    assert reason.endswith(f"; the family now has flagship {new[:8]} and no prompts")


def test_the_command_prints_a_table_and_json(family: Family) -> None:
    add_release(family, "1.0.0", "production")
    store = ["--store", str(family.store.root)]
    fresh = CliRunner().invoke(cli, ["lineage", "stale", *store])
    assert fresh.output == "Nothing is stale: all was made from what the family has now.\n"
    new_flagship(family)

    table = CliRunner().invoke(cli, ["lineage", "stale", "toy", *store], env={"COLUMNS": "300"})
    told = CliRunner().invoke(cli, ["lineage", "stale", "--json", *store])

    assert "the family now, 1.0.0 (production)" in table.output
    asked = Lineage(family.store).stale()
    assert json.loads(told.output) == [one.model_dump(mode="json") for one in asked]


def test_an_unknown_family_is_named_with_the_nearest(family: Family) -> None:
    with pytest.raises(NotFoundError, match=r"tou: there is no such family\. Did you mean toy\?"):
        Lineage(family.store).stale("tou")
