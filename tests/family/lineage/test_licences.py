"""Which licences reach a model, on families sealed by hand."""

from pathlib import Path

import pytest

from family.licences.terms import licence
from family.lineage.licences import Licences, Obligation, blocking
from family.lineage.queries import Lineage
from family.spec import EndpointResponses
from family.stage import Edge, Outcome
from family.store import Store
from tests.family.lineage.hand_built import (
    Family,
    add_data,
    add_flagship,
    add_served_data,
    add_tier,
    facts,
    prompts_of,
)


def under(store: Store, licence: str, name: str = "toy", **words: str) -> Family:
    """A family whose flagship has this licence: mini starts from its weights; alone starts at
    random and is taught by it; pupil starts at random and is taught by mini."""
    family = Family(store, name)
    add_flagship(family)
    family.seal(
        "", "about", Outcome(facts={"licence": licence, **words}), turn=licence + str(words)
    )
    add_tier(family, "mini", 61_000_000, 0.75)
    taught(family, "alone", "/flagship")
    taught(family, "pupil", "mini/distill")
    family.end()
    return family


def taught(family: Family, tier: str, teacher: str) -> None:
    """A tier without weights of anyone's, and its int4 files."""
    family.seal(tier, "start", Outcome(model=facts(9)), {"w": tier}, turn=tier)
    edges = (
        Edge(kind="initialised_from", parent="student"),
        Edge(kind="distilled_from", parent="teacher"),
    )
    family.seal(
        tier,
        "distill",
        Outcome(model=facts(9), edges=edges),
        {"w": f"{tier} trained"},
        student=f"{tier}/start",
        teacher=teacher,
    )
    family.seal(
        tier,
        "export:int4",
        Outcome(model=facts(9, "int4"), edges=(Edge(kind="quantized_from", parent="model"),)),
        {"w": f"{tier} int4"},
        model=f"{tier}/distill",
    )


def fed(store: Store, prompts: str | None, flagship: str = "Apache-2.0", **words: str) -> Family:
    """A family whose prompts have this licence: mini starts from the flagship's weights, and pupil
    at random is taught by mini; both on answers to those prompts."""
    family = Family(store)
    add_flagship(family)
    add_data(family)
    said = {"licence": flagship, **words}
    if prompts:
        said["prompts_licence"] = prompts
    about = {"flagship": "/flagship", "prompts": "/prompts"}
    family.seal("", "about", Outcome(facts=dict(said)), turn=str(said), **about)
    add_tier(family, "mini", 61_000_000, 0.75)
    taught(family, "pupil", "mini/distill")
    family.end()
    return family


def asked(store: Store, name: str) -> Licences:
    return Lineage(store).licences(name)


def by_rule(found: Licences) -> dict[str, Obligation]:
    return {one.rule: one for one in found.obligations}


def status(found: Licences) -> dict[str, str]:
    return {one.rule: one.status for one in found.obligations}


def test_a_rule_that_follows_weights_names_the_edge_that_took_them(store: Store) -> None:
    under(store, "Apache-2.0")

    found = asked(store, "mini/int4")

    text = by_rule(found)["licence text"]
    assert (text.licence, text.of, text.through) == ("Apache-2.0", "toy/flagship", "weights")
    assert text.edge
    assert (text.edge.child_name, text.edge.kind) == ("toy/mini/start", "pruned_from")
    assert (text.status, text.lacking) == ("unmet", ("toy/mini/int4",))
    assert (text.source, text.section) == ("https://www.apache.org/licenses/LICENSE-2.0", "4(a)")
    assert "no legal advice" in found.remark


def test_it_does_not_follow_what_the_model_says(store: Store) -> None:
    under(store, "Apache-2.0")
    for name in ("alone", "pupil", "pupil/int4"):
        assert asked(store, name).obligations == ()
        assert [one.licence for one in asked(store, name).licensed] == ["Apache-2.0"]


def test_a_licence_that_names_distillation_follows_outputs_too(store: Store) -> None:
    under(store, "gemma")

    for name, child in (("alone", "toy/alone"), ("pupil/int4", "toy/mini")):
        found = by_rule(asked(store, name))
        assert set(found) == {"derivative", "licence text", "notice", "use restrictions", "changes"}
        notice = found["notice"]
        assert notice.through == "outputs"
        assert notice.edge
        assert (notice.edge.child_name, notice.edge.kind) == (child, "distilled_from")

    owed = asked(store, "mini").obligations
    assert {one.through for one in owed} == {"weights"}  # owed once, though both ways lead there


def test_terms_that_forbid_training_reach_whatever_outputs_reached(store: Store) -> None:
    under(store, "openai")
    for name in ("mini", "alone", "alone/int4", "pupil"):
        assert status(asked(store, name)) == {"competing models": "forbidden"}


def test_what_holds_the_licensed_weights_may_be_excepted_and_people_must_tell(
    store: Store,
) -> None:
    under(store, "llama3")
    assert status(asked(store, "alone"))["other models"] == "forbidden"
    assert status(asked(store, "mini"))["other models"] == "by hand"


def test_a_model_that_outputs_taught_owes_its_name_alone(store: Store) -> None:
    under(store, "llama3.1")
    assert status(asked(store, "alone")) == {"name": "unmet"}
    assert by_rule(asked(store, "alone"))["name"].lacking == ("toy/alone/int4",)


def test_names_notices_and_texts_are_looked_for_in_every_set_of_files(store: Store) -> None:
    family = under(store, "llama3.1", "llama-mail")
    for precision in ("fp32", "int8", "int4"):
        folder = store.folder(family.heads[f"mini/export:{precision}"])
        (folder / "LICENSE.txt").write_text("LLAMA 3.1 COMMUNITY LICENSE AGREEMENT ...")
        notice = "Llama 3.1 is licensed under the Llama 3.1 Community License, Copyright ..."
        (folder / "Notice").write_text(notice)

    found = asked(store, "mini")

    precisions = ("fp32", "int4", "int8")
    assert found.checked == tuple(f"llama-mail/mini/{one}" for one in precisions)
    assert status(found) == {
        "licence text": "met",
        "notice": "met",
        "name": "met",
        "display": "by hand",
        "acceptable use": "by hand",
        "size of the business": "by hand",
    }
    (folder / "Notice").unlink()
    assert by_rule(asked(store, "mini"))["notice"].lacking == ("llama-mail/mini/int4",)
    assert status(asked(store, "mini/fp32"))["notice"] == "met"


def test_the_licensed_model_itself_owes_without_an_edge(store: Store) -> None:
    under(store, "MIT")
    for owed in asked(store, "flagship").obligations:
        assert (owed.edge, owed.status, owed.lacking) == (None, "unmet", ("toy/flagship",))


def test_another_licence_is_told_in_the_user_s_own_words(store: Store) -> None:
    under(store, "other", terms="Be kind; https://example.org/kind")
    found = asked(store, "alone")
    assert [one.about for one in found.licensed] == ["Be kind; https://example.org/kind"]
    assert status(found) == {"its own terms": "by hand"}


@pytest.mark.parametrize("stated", ["Our own licence", None])
def test_what_nobody_knows_is_left_to_people(store: Store, stated: str | None) -> None:
    family = Family(store)
    add_flagship(family)
    words: dict[str, bool | int | float | str] = {"licence": stated} if stated else {}
    family.seal("", "about", Outcome(facts=words), turn="again")
    add_tier(family, "mini", 61_000_000, 0.75)

    found = asked(store, "mini")

    assert [one.licence for one in found.licensed] == [stated or "not stated"]
    assert status(found) == {"its own terms": "by hand"}


def test_a_corrected_word_counts_at_once(store: Store) -> None:
    family = under(store, "Apache-2.0")
    family.seal("", "about", Outcome(facts={"licence": "MIT"}), turn="corrected")
    assert [one.licence for one in asked(store, "mini").licensed] == ["MIT"]


def test_the_words_of_the_model_s_own_family_go_first(store: Store) -> None:
    family = under(store, "Apache-2.0")
    for name in ("another", "zoo"):
        other = Family(store, name, kept=family.kept)
        other.note("", "flagship", family.heads["/flagship"])
        other.seal("", "about", Outcome(facts={"licence": "MIT"}), turn=name)
    assert [one.licence for one in asked(store, "toy/mini").licensed] == ["Apache-2.0"]


def test_a_flagship_that_no_family_has_any_more_keeps_what_was_recorded_with_it(
    store: Store,
) -> None:
    family = Family(store)
    add_flagship(family)
    old = Outcome(model=facts(7), facts={"licence": "MIT"})  # as earlier versions recorded it
    family.seal("", "flagship", old, {"w": "old"}, weights="e" * 64)
    add_tier(family, "mini", 61_000_000, 0.75)
    mini = family.heads["mini/distill"]
    family.seal("", "flagship", Outcome(model=facts(8)), {"w": "new"}, weights="d" * 64)

    assert [one.licence for one in asked(store, mini).licensed] == ["MIT"]


def test_the_shape_is_read_back_as_it_was_written(store: Store) -> None:
    under(store, "gemma")
    found = asked(store, "mini")
    assert Licences.model_validate_json(found.model_dump_json()) == found


def test_the_folder_of_a_swept_model_holds_nothing(store: Store, tmp_path: Path) -> None:
    family = under(store, "MIT")
    key = family.heads["alone/export:int4"]
    store.folder(key).rename(tmp_path / "swept")
    assert asked(store, "alone/int4").obligations == ()
    mini = family.heads["mini/export:int4"]
    store.folder(mini).rename(tmp_path / "swept too")
    assert set(status(asked(store, "mini/int4")).values()) == {"unmet"}


# ---- data ----------------------------------------------------------------------------------


def test_the_licence_of_prompts_reaches_whatever_they_taught(store: Store) -> None:
    fed(store, "CC-BY-SA-4.0")

    for name, way in (("mini/int4", "toy/mini"), ("pupil", "toy/mini")):
        found = asked(store, name)
        owed = {one.id: one for one in found.obligations if one.of == "toy/prompts"}
        assert set(owed) == {"CC-BY-SA-4.0/attribution", "CC-BY-SA-4.0/share-alike"}
        attribution = owed["CC-BY-SA-4.0/attribution"]
        assert (attribution.status, attribution.through) == ("unmet", "outputs")
        assert attribution.fix
        assert "prompts.credit" in attribution.fix
        edge = attribution.edge
        assert edge
        assert (edge.child_name, edge.kind, edge.parent_name) == (way, "taught_on", "toy/prompts")
        assert ("toy/prompts", "CC-BY-SA-4.0") in {
            (one.name, one.licence) for one in found.licensed
        }


def test_what_may_not_be_traded_is_forbidden_until_somebody_waives_it(store: Store) -> None:
    fed(store, "CC-BY-NC-4.0", flagship="openai", permission="letter of J. Doe")
    found = asked(store, "pupil")
    assert status(found)["commercial use"] == "forbidden"
    both = {"CC-BY-NC-4.0/attribution", "CC-BY-NC-4.0/commercial-use"}
    assert {one.id for one in blocking(found)} == both
    assert [one.id for one in blocking(found, {"CC-BY-NC-4.0/commercial-use"})] == [
        "CC-BY-NC-4.0/attribution"
    ]


def test_prompts_of_one_s_own_ask_for_nothing(store: Store) -> None:
    fed(store, "own")
    found = asked(store, "pupil")
    assert found.obligations == ()
    assert ("toy/prompts", "own") in {(one.name, one.licence) for one in found.licensed}


def test_prompts_of_which_nothing_is_said_are_left_to_people(store: Store) -> None:
    fed(store, None)
    (owed,) = asked(store, "pupil").obligations
    assert (owed.id, owed.licence, owed.status) == (
        "other/its-own-terms",
        "not stated",
        "by hand",
    )


def test_a_model_that_was_only_cut_by_means_of_data_was_not_taught_with_them(store: Store) -> None:
    fed(store, "CC-BY-4.0")
    assert {one.of for one in asked(store, "mini/start").obligations} == {"toy/flagship"}


# ---- permissions, notices, words that were superseded --------------------------------------


def test_a_permission_lets_through_what_terms_forbid_and_stands_in_the_answer(
    store: Store,
) -> None:
    under(store, "anthropic", permission="letter of J. Doe")
    found = asked(store, "alone")
    assert set(status(found).values()) == {"permitted"}
    assert [one.permission for one in found.licensed] == ["letter of J. Doe"]
    assert blocking(found) == ()


@pytest.mark.parametrize("permission", [None, "J. Doe of Example Ltd, letter of 2026-01-02."])
def test_the_terms_of_a_service_reach_whatever_its_answers_taught(
    permission: str | None, store: Store
) -> None:
    family = Family(store)
    add_flagship(family)
    service = EndpointResponses(
        kind="endpoint",
        url="https://api.example.com/v1",
        model="large",
        licence="openai",
        permission=permission,
    )
    add_served_data(family, service)
    stated = {f"responses_{name}": text for name, text in service.words("openai").items()}
    about = {"flagship": "/flagship", "prompts": "/prompts", "responses": "/responses"}
    words = {"licence": "Apache-2.0", "prompts_licence": "own", **stated}
    family.seal("", "about", Outcome(facts=dict(words)), turn="served", **about)
    add_tier(family, "mini", 61_000_000, 0.75)
    taught(family, "pupil", "mini/distill")
    family.end()

    for name, taught_on_it in (("mini/int4", "toy/mini"), ("pupil", "toy/mini")):
        found = asked(store, name)
        (rule,) = [one for one in found.obligations if one.of == "toy/responses"]
        assert rule.id == "openai/competing-models"
        assert rule.status == ("permitted" if permission else "forbidden")
        assert rule.edge
        assert (rule.edge.child_name, rule.edge.kind) == (taught_on_it, "taught_on")
        assert permission or "responses.permission" in str(rule.fix)
        (licensed,) = [one for one in found.licensed if one.name == "toy/responses"]
        assert licensed.permission == permission


def test_answers_of_the_flagship_s_own_have_no_terms_beside_its_own(store: Store) -> None:
    fed(store, "own")
    assert {one.name for one in asked(store, "mini/int4").licensed} == {
        "toy/flagship",
        "toy/prompts",
    }


def test_what_ships_beside_the_files_counts_for_every_set_of_them(store: Store) -> None:
    family = under(store, "Apache-2.0")
    assert {one.id for one in blocking(asked(store, "mini"))} == {
        "Apache-2.0/licence-text",
        "Apache-2.0/changes",
    }
    text = licence("Apache-2.0").text
    assert text
    files = {"LICENSE": text.words(), "NOTICE": "Every file of weights was changed from X."}
    family.seal("", "notices", Outcome(), files)
    family.end()

    found = asked(store, "mini")

    assert found.checked[-1] == "toy/notices"
    assert blocking(found) == ()
    assert by_rule(found)["licence text"].differs == ()


def test_a_licence_text_with_other_words_than_the_recorded_ones_is_told(store: Store) -> None:
    family = under(store, "Apache-2.0")
    text = licence("Apache-2.0").text
    assert text
    changed = text.words().replace("perpetual", "revocable")
    family.seal("", "notices", Outcome(), {"LICENSE": changed})
    owed = by_rule(asked(store, "mini/int4"))["licence text"]
    assert (owed.status, owed.differs) == ("met", ("toy/mini/int4",))


def test_a_superseded_flagship_keeps_the_licence_that_was_stated_for_it(store: Store) -> None:
    family = fed(store, "CC-BY-4.0", flagship="llama3.1")
    old = {name: family.heads[name] for name in ("mini/distill", "/prompts")}
    family.seal("", "flagship", Outcome(model=facts(7)), {"w": "new"}, weights="e" * 64)
    family.seal("", "prompts", Outcome(dataset=prompts_of(9)), turn="new")
    about = {"flagship": "/flagship", "prompts": "/prompts"}
    family.seal("", "about", Outcome(facts={"licence": "MIT"}), turn="new", **about)
    family.end()

    found = asked(store, old["mini/distill"])

    assert sorted(one.licence for one in found.licensed) == ["CC-BY-4.0", "llama3.1"]


def test_how_the_rules_were_checked_is_part_of_the_answer(store: Store) -> None:
    under(store, "openai")
    (one,) = asked(store, "alone").licensed
    assert (one.checked, one.read) == ("secondary", "2026-11-24")
    assert "only as others quote them" in one.seen
