"""What a release says of where its files came from."""

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from family.errors import DescentError
from family.ledger import Release, release_folder, releases
from family.release.chain import Link, chain
from family.release.statement import STATEMENT, statement
from family.store import Store


@pytest.fixture
def records(signed: Path) -> tuple[Release, list[Link]]:
    store = Store(signed / "store")
    ((made, _),) = releases(store)
    return made, chain(store, made.steps.values())


@pytest.fixture
def said(records: tuple[Release, list[Link]]) -> Any:
    return json.loads(statement(*records))


def material(said: Any, name: str) -> Any:
    materials = said["predicate"]["buildDefinition"]["resolvedDependencies"]
    (found,) = [one for one in materials if one["name"] == name]
    return found


def test_the_same_records_give_the_same_bytes(
    signed: Path, records: tuple[Release, list[Link]]
) -> None:
    folder = release_folder(Store(signed / "store"), "toy", "1.0.0")
    assert statement(*records) == (folder / STATEMENT).read_text()


def test_every_published_file_is_a_subject(said: Any, records: tuple[Release, list[Link]]) -> None:
    release, _ = records
    found = {one["name"]: one["digest"]["sha256"] for one in said["subject"]}
    assert found == {
        name: digest for name, digest in release.published.items() if name != STATEMENT
    }
    (weights,) = [one for one in said["subject"] if one["name"] == "edge/int4/model.onnx.data"]
    assert weights["annotations"] == {"artifact": release.steps["edge/export:int4"]}


def test_every_artifact_of_the_release_is_a_material_by_its_digest(
    said: Any, records: tuple[Release, list[Link]]
) -> None:
    release, _ = records
    materials = said["predicate"]["buildDefinition"]["resolvedDependencies"]
    found = {
        one["annotations"]["key"]: one["digest"]["dirHash"]
        for one in materials
        if "key" in one["annotations"]
    }
    assert found == release.digests


def test_materials_tell_their_typed_edges_and_what_the_user_brought(
    said: Any, records: tuple[Release, list[Link]]
) -> None:
    steps = records[0].steps
    edge = material(said, "edge/distill")["annotations"]
    assert [(one["kind"], one["parent"]) for one in edge["edges"]] == [
        ("initialised_from", steps["edge/start"]),
        ("distilled_from", steps["nano/distill"]),
        ("data_generated_by", steps["/flagship"]),
    ]
    assert edge["edges"][1]["detail"]["tokens"] == 200_000
    assert edge["recipe"]["stage"] == "distill"
    assert material(said, "flagship weights")["digest"] == {"sha256": "f" * 64}


def test_it_tells_who_built_and_when(said: Any) -> None:
    told = said["predicate"]["runDetails"]
    assert told["builder"]["version"] == {"python": "3.11.7", "processors": "2"}
    assert told["metadata"]["startedOn"] == "2026-01-02T03:04:05Z"


def test_a_release_without_files_is_no_statement(records: tuple[Release, list[Link]]) -> None:
    release, links = records
    with pytest.raises(ValueError, match="At least one subject required"):
        statement(release.model_copy(update={"published": {}}), links)


def test_without_the_extra_the_error_says_how_to_install_it(
    records: tuple[Release, list[Link]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "in_toto_attestation.v1.statement", None)
    with pytest.raises(DescentError, match=r"Run: pip install 'descent-family\[release\]'"):
        statement(*records)
