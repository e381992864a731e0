"""Bills of materials, on families sealed by hand."""

import copy
import json
import sys
from pathlib import Path
from typing import Any
from uuid import NAMESPACE_URL, uuid5

import pytest
from cyclonedx.model.bom import Bom
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from family.errors import DescentError
from family.lineage.bom import bom, text, validate
from family.lineage.queries import Lineage
from family.lineage.record import reindex
from family.stage import Outcome
from family.store import Store
from tests.family.lineage.hand_built import Family, add_family
from tests.family.lineage.test_licences import under


def made(store: Store, name: str) -> Any:
    return bom(Lineage(store).dossier(name))


@pytest.fixture(scope="module")
def int4(told: Family) -> Any:
    return made(told.store, "edge/int4")


def properties(component: Any) -> list[tuple[str, str]]:
    return [(one["name"], one["value"]) for one in component["properties"]]


@pytest.mark.parametrize("name", ["edge/int4", "edge", "mini/start", "flagship"])
def test_the_official_schema_takes_it(told: Family, name: str) -> None:
    document = text(made(told.store, name))
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(document) is None


def test_the_official_library_reads_it(told: Family, int4: Any) -> None:
    read = Bom.from_json(json.loads(text(int4)))
    assert read.metadata.component
    assert read.metadata.component.name == "toy/edge/int4"
    assert read.metadata.component.pedigree
    assert len(read.metadata.component.pedigree.ancestors) == 7


@pytest.mark.parametrize(
    ("corrupt", "where"),
    [
        (lambda one: one["metadata"]["component"]["hashes"][0].update(content="12"), "hashes"),
        (lambda one: one["metadata"]["component"]["modelCard"].update(score=1), "modelCard"),
        (lambda one: one["components"][0].update(type="folder"), "components.0.type"),
        (lambda one: one.update(serialNumber="7"), "serialNumber"),
        (lambda one: one["metadata"]["component"].pop("name"), "metadata.component"),
    ],
)
def test_a_document_that_was_corrupted_fails(int4: Any, corrupt: Any, where: str) -> None:
    broken = copy.deepcopy(int4)
    corrupt(broken)
    with pytest.raises(DescentError, match=f"no valid CycloneDX 1.6: .*{where}"):
        validate(broken)


def test_the_model_has_its_files_with_their_digests(told: Family, int4: Any) -> None:
    model = int4["metadata"]["component"]
    manifest = told.kept[told.heads["edge/export:int4"]]
    assert (model["type"], model["name"]) == ("machine-learning-model", "toy/edge/int4")
    assert model["hashes"] == [{"alg": "SHA-256", "content": manifest.digest}]
    found = {one["name"]: one["hashes"][0]["content"] for one in model["components"]}
    recorded = {name: file.sha256 for name, file in manifest.files.items()}
    assert found == {name: digest for name, digest in recorded.items() if name != "outcome.json"}


def test_the_pedigree_has_every_model_above_and_the_edges_that_lead_there(int4: Any) -> None:
    pedigree = int4["metadata"]["component"]["pedigree"]
    ancestors = {one["name"]: one for one in pedigree["ancestors"]}
    assert set(ancestors) == {
        f"toy/{name}"
        for name in ("edge", "edge/start", "nano", "nano/start", "mini", "mini/start", "flagship")
    }
    assert ("descent:edge", "toy/edge distilled_from toy/nano") in properties(ancestors["toy/nano"])
    assert (
        "toy/edge: distilled from toy/nano over 200,000 tokens with forward_kl"
        in (pedigree["notes"])
    )
    assert ancestors["toy/flagship"]["description"] == "SmolLM2-135M-Instruct"


def test_the_model_s_card_has_figures_with_intervals_and_refers_to_the_data(
    told: Family, int4: Any
) -> None:
    card = int4["metadata"]["component"]["modelCard"]
    metrics = card["quantitativeAnalysis"]["performanceMetrics"]
    first = next(one for one in metrics if one["type"] == "bits_per_byte")
    figure = Lineage(told.store).dossier("edge/int4").model.figure("bits_per_byte")
    assert figure
    assert figure.interval
    assert first == {
        "type": "bits_per_byte",
        "value": str(figure.value),
        "slice": f"1000 bytes, protocol {figure.protocol}",
        "confidenceInterval": {
            "lowerBound": str(figure.interval[0]),
            "upperBound": str(figure.interval[1]),
        },
    }
    (data,) = int4["components"]
    assert card["modelParameters"]["datasets"] == [{"ref": data["bom-ref"]}]
    assert (data["type"], data["name"]) == ("data", "toy/corpus")
    assert data["hashes"][0]["content"] == told.kept[told.heads["/corpus"]].digest
    assert data["data"][0]["description"] == "blocks: 147 to train on, 57 held out"


def test_a_licence_has_its_spdx_id_or_its_name_and_place(store: Store, told: Family) -> None:
    apache = made(told.store, "edge/int4")["metadata"]["component"]
    assert apache["licenses"] == [{"license": {"id": "Apache-2.0"}}]
    assert ("descent:duty:Apache-2.0:licence text", "unmet") in properties(apache)
    family = under(store, "llama3.1")
    (llama,) = made(store, "mini")["metadata"]["component"]["licenses"]
    assert llama["license"]["name"] == "Llama 3.1 Community License"
    assert llama["license"]["url"].startswith("https://")
    own = Outcome(facts={"licence": "other", "terms": "Be kind."})
    family.seal("", "about", own, turn="of the user's own")
    assert made(store, "mini")["metadata"]["component"]["licenses"] == [
        {"license": {"name": "other"}}
    ]


def test_number_and_time_follow_from_the_records(told: Family, int4: Any) -> None:
    digest = Lineage(told.store).dossier("edge/int4").lineage
    assert int4["serialNumber"] == uuid5(NAMESPACE_URL, f"urn:descent:lineage:{digest}").urn
    assert int4["metadata"]["timestamp"] == "2026-01-02T03:04:05+00:00"
    assert ("descent:lineage-digest", f"sha256:{digest}") in properties(
        int4["metadata"]["component"]
    )


def test_the_same_records_give_the_same_bytes(told: Family, int4: Any, tmp_path: Path) -> None:
    elsewhere = Family(Store(tmp_path / "elsewhere"))
    add_family(elsewhere)
    assert text(made(elsewhere.store, "edge/int4")) == text(int4)
    reindex(elsewhere.store)
    assert text(made(elsewhere.store, "edge/int4")) == text(int4)
    assert str(told.store.root) not in text(int4)


def test_without_its_packages_it_says_what_to_install(
    told: Family, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "cyclonedx.output", None)
    with pytest.raises(DescentError, match=r"pip install 'descent-family\[release\]'"):
        made(told.store, "edge/int4")
