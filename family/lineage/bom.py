"""A model's bill of materials: a CycloneDX 1.6 ML-BOM, from the records alone.

The model is `metadata.component`, its files are nested in it, and the models that it came from are
its pedigree's ancestors, each with the edges that lead to it. Data sets are components of type
`data`. The serial number follows from the lineage digest, and the time is when the model was
made, so that the same records give the same bytes.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any
from uuid import NAMESPACE_URL, uuid5

from pydantic import JsonValue

from family.errors import DescentError
from family.licences.terms import OTHER, OWN, identifiers, licence
from family.lineage.bom_parts import parts
from family.lineage.dossier import Described, Dossier
from family.lineage.said import NOT_STATED
from family.lineage.views import Dataset, LineageEdge
from family.lineage.words import edge
from family.stage import Scalar

if TYPE_CHECKING:
    from cyclonedx.model import HashType, Property
    from cyclonedx.model.bom import Bom
    from cyclonedx.model.component import Component
    from cyclonedx.model.license import DisjunctiveLicense

#: Licences that are another one's text as one maker uses it; SPDX has that one.
SPDX = {"gemma4": "Apache-2.0", "deepseek-r1": "MIT"}
HASH_OF = "the lines `<sha256>  <name>` of a model's files and of outcome.json, by name"

Document = dict[str, JsonValue]


def bom(dossier: Dossier) -> Document:
    """The bill of a model. DescentError if it does not validate against the official schema, or if
    the packages that are needed are not installed."""
    try:
        from cyclonedx.output import make_outputter
        from cyclonedx.schema import OutputFormat, SchemaVersion
    except ImportError as error:
        raise DescentError(
            f"A bill of materials needs packages that are not installed ({error.name}). "
            f"Run: pip install 'descent-family[release]'"
        ) from error

    made = make_outputter(_bill(dossier), OutputFormat.JSON, SchemaVersion.V1_6)
    document: Document = json.loads(made.output_as_string())
    more = dict(parts(dossier))
    for component in _components(document):
        component |= more.get(component["bom-ref"], {})
    validate(document)
    return dict(sorted(document.items(), key=lambda item: isinstance(item[1], list | dict)))


def validate(document: Mapping[str, JsonValue]) -> None:
    """Hold a bill against the official schema. DescentError says where it differs."""
    from cyclonedx.schema import SchemaVersion
    from cyclonedx.validation.json import JsonStrictValidator

    fault = JsonStrictValidator(SchemaVersion.V1_6).validate_str(json.dumps(document))
    if fault is not None:
        where = ".".join(str(step) for step in fault.data.absolute_path) or "the document"
        raise DescentError(
            f"The bill of materials is no valid CycloneDX 1.6: {where}: {fault.data.message}"
        )


def text(document: Mapping[str, JsonValue]) -> str:
    """The bill as it is written to a file."""
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


# ---- what cyclonedx-python-lib has classes for ---------------------------------------------


def _bill(dossier: Dossier) -> "Bom":
    from cyclonedx.model.bom import Bom, BomMetaData
    from cyclonedx.model.component import Component, ComponentType, Pedigree
    from cyclonedx.model.tool import ToolRepository

    data = [_data(one) for one in dossier.data]
    tool = Component(name="descent-family", type=ComponentType.APPLICATION, bom_ref="tool:descent")
    model = _model(dossier.model, dossier)
    model.pedigree = Pedigree(
        ancestors=[_model(elder, dossier) for elder in dossier.elders],
        notes="\n".join(map(_said, dossier.edges)) or None,
    )
    bill = Bom(
        serial_number=uuid5(NAMESPACE_URL, f"urn:descent:lineage:{dossier.lineage}"),
        metadata=BomMetaData(
            component=model,
            timestamp=datetime.fromisoformat(dossier.model.created),
            tools=ToolRepository(components=[tool]),
        ),
        components=data,
    )
    bill.register_dependency(model, data)
    return bill


def _model(model: Described, dossier: Dossier) -> "Component":
    from cyclonedx.model import ExternalReference, ExternalReferenceType, XsUri
    from cyclonedx.model.component import Component, ComponentType

    hub = dossier.about.get("hub") if model == dossier.root else None
    at_hub = ExternalReference(
        type=ExternalReferenceType.DISTRIBUTION, url=XsUri(f"https://huggingface.co/{hub}")
    )
    own = model == dossier.model
    return Component(
        type=ComponentType.MACHINE_LEARNING_MODEL,
        bom_ref=f"model:{model.model}",
        group=model.family,
        name=model.name,
        version=model.model,
        description=dossier.about.get("name" if model == dossier.root else "description", ""),
        hashes=[_sha256(model.digest)],
        licenses=_licences(dossier.binding if own else _stated(dossier, model.model)),
        external_references=[at_hub] if hub else [],
        properties=_properties(_facts(model) | (_whole(dossier) if own else {}))
        + [
            _property("edge", f"{one.child_name} {one.kind} {one.parent_name}")
            for one in dossier.edges
            if one.parent == model.model
        ],
        components=[
            Component(
                type=ComponentType.FILE,
                bom_ref=f"file:{model.model}/{file.path}",
                name=file.path,
                hashes=[_sha256(file.sha256)],
                properties=_properties({"bytes": file.bytes}),
            )
            for file in model.files
        ],
    )


def _data(data: Dataset) -> "Component":
    from cyclonedx.model.component import Component, ComponentType

    return Component(
        type=ComponentType.DATA,
        bom_ref=f"data:{data.id}",
        name=data.name,
        version=data.id,
        hashes=[_sha256(data.digest)],
        licenses=_licences([data.licence] if data.licence else []),
    )


def _sha256(digest: str) -> "HashType":
    from cyclonedx.model import HashAlgorithm, HashType

    return HashType(alg=HashAlgorithm.SHA_256, content=digest)


def _stated(dossier: Dossier, id_: str) -> list[str]:
    """The licence under which its makers gave a model, if it is recorded."""
    return [one.licence for one in dossier.licences.licensed if one.model == id_]


def _licences(stated: Iterable[str]) -> "list[DisjunctiveLicense]":
    from cyclonedx.model import XsUri
    from cyclonedx.model.license import DisjunctiveLicense
    from cyclonedx.spdx import is_supported_id

    found = []
    for one in stated:
        if one in (OWN, NOT_STATED):
            continue
        spdx = SPDX.get(one, one)
        if is_supported_id(spdx):
            found.append(DisjunctiveLicense(id=spdx))
        elif one in identifiers() and one != OTHER:
            terms = licence(one)
            found.append(DisjunctiveLicense(name=terms.name, url=XsUri(terms.source)))
        else:
            found.append(DisjunctiveLicense(name=one))
    return found


def _facts(model: Described) -> dict[str, Scalar]:
    facts: dict[str, Scalar] = {
        "tier": model.tier,
        "step": model.step,
        "precision": model.precision,
        "parameters": model.parameters,
        "created": model.created,
    }
    seed = {} if model.seed is None else {"seed": model.seed}
    made_with = {f"made-with:{name}": value for name, value in model.environment.items()}
    return facts | seed | made_with


def _whole(dossier: Dossier) -> dict[str, Scalar]:
    """What is said of the model that the bill is of, and of no ancestor."""
    duties = {
        f"duty:{owed.licence}:{owed.rule}": owed.status for owed in dossier.licences.obligations
    }
    return {"lineage-digest": f"sha256:{dossier.lineage}", "hash-of": HASH_OF, **duties}


def _properties(said: Mapping[str, Scalar]) -> "list[Property]":
    return [_property(name, str(value)) for name, value in said.items() if value != ""]


def _property(name: str, value: str) -> "Property":
    from cyclonedx.model import Property

    return Property(name=f"descent:{name}", value=value)


def _said(one: LineageEdge) -> str:
    return f"{one.child_name}: {edge(one.kind, one.parent_name, one.detail)}"


def _components(document: Document) -> Iterator[Any]:
    """Every component that a part belongs to."""
    model: Any = document["metadata"]["component"]  # type: ignore[index,call-overload]
    yield model
    yield from model.get("pedigree", {}).get("ancestors", ())
    yield from document.get("components", ())  # type: ignore[misc]
