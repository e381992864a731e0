"""The lineage digest, against the manifests that it is about."""

import hashlib
from pathlib import Path

import pytest

from family.lineage.queries import Lineage
from family.lineage.record import reindex
from family.store import Store
from tests.family.lineage.hand_built import Family, add_family, add_flagship, add_tier

HEXADECIMAL = 64


def digest(store: Store, name: str) -> str:
    return Lineage(store).dossier(name).lineage


def test_it_follows_from_the_manifests_as_the_docstring_says(told: Family) -> None:
    steps = ("/flagship", "/corpus", "mini/start", "mini/distill", "mini/export:int4")
    kept = {told.heads[step]: told.kept[told.heads[step]] for step in steps}
    lines = [f"artifact {key} {manifest.digest}\n" for key, manifest in kept.items()]
    for key, manifest in kept.items():
        for edge in manifest.outcome.edges:
            lines.append(f"edge {key} {edge.kind} {manifest.recipe['inputs'][edge.parent]}\n")
    expected = hashlib.sha256("".join(sorted(lines)).encode()).hexdigest()
    assert digest(told.store, "mini/int4") == expected


def test_the_same_records_give_the_same_digest_wherever_they_are(
    told: Family, tmp_path: Path
) -> None:
    elsewhere = Family(Store(tmp_path / "elsewhere"))
    add_family(elsewhere)
    expected = digest(told.store, "edge/int4")
    assert digest(elsewhere.store, "edge/int4") == expected
    reindex(elsewhere.store)
    assert digest(elsewhere.store, "edge/int4") == expected


def test_a_model_far_above_that_changes_changes_it(told: Family, store: Store) -> None:
    family = Family(store)
    add_flagship(family)
    add_tier(family, "mini", 61_000_000, 0.75, turn="other")
    add_tier(family, "nano", 30_000_000, 0.69, parent="mini/distill")
    add_tier(family, "edge", 15_000_000, 0.66, parent="nano/distill", teacher="nano/distill")
    family.end()
    assert digest(store, "edge/int4") != digest(told.store, "edge/int4")
    assert digest(store, "flagship") == digest(told.store, "flagship")


@pytest.mark.parametrize("step", ["/corpus", "/flagship"])
def test_the_digest_of_data_or_a_model_above_is_in_it(family: Family, step: str) -> None:
    before = digest(family.store, "edge/int4")
    manifest = family.kept[family.heads[step]]
    files = dict(manifest.files)
    files["outcome.json"] = files["outcome.json"].model_copy(update={"sha256": "0" * HEXADECIMAL})
    changed = manifest.model_copy(update={"files": files})
    path = family.store.folder(manifest.key) / "manifest.json"
    path.write_text(changed.model_dump_json())
    reindex(family.store)
    assert digest(family.store, "edge/int4") != before


def test_what_was_swept_from_above_leaves_a_digest_that_says_so(
    family: Family, tmp_path: Path
) -> None:
    before = digest(family.store, "edge/int4")
    family.store.folder(family.heads["mini/start"]).rename(tmp_path / "swept")
    reindex(family.store)
    found = Lineage(family.store).dossier("edge/int4")
    assert found.lineage != before
    assert "toy/mini/start" not in {one.name for one in found.elders}
    assert found.base
    assert found.base.name == "toy/edge"
