"""Which licences reach a model, on families sealed by hand."""

from pathlib import Path

import pytest

from family.lineage.licences import Licences, Obligation
from family.lineage.queries import Lineage
from family.stage import Edge, Outcome
from family.store import Store
from tests.family.lineage.hand_built import Family, add_flagship, add_tier, facts


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
