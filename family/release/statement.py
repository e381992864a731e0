"""What a release says of where its files came from, in a form that other tools read.

An in-toto Statement v1 (https://in-toto.io/Statement/v1) whose subjects are the published files.
Its predicate is SLSA provenance v1 (https://slsa.dev/provenance/v1), the nearest of in-toto's
vetted predicates: "how a set of artifacts was produced", with room for materials and for what
made them. `link` holds one step only and `scai` holds no materials. No SLSA level is claimed.

subject                 each published file, with the artifact that it was taken from
resolvedDependencies    each artifact that the release holds or that one was made from, and what the
                        user brought; annotations hold the recipe and the typed edges
builder.version         the packages that built the artifacts
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from family.ledger import Release
from family.release.chain import Leaf, Link
from family.release.extra import needed_for
from family.store import Manifest

STATEMENT = "statement.json"
#: How the rest is to be read; raise the number when that changes.
BUILD_TYPE = "urn:descent-family:release:1"
BUILDER = "urn:descent-family:builder"

JSON = dict[str, Any]


def statement(release: Release, chain: Sequence[Link]) -> str:
    """The statement as JSON; the same records give the same bytes.

    `release.published` holds what it is about: every file in the release's folder but the release's
    own record and the statement. `chain` is that of all the release's steps. DescentError if what
    checks statements is not installed."""
    said = content(release, chain)
    _validate(said)
    return json.dumps(said, indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def content(release: Release, chain: Sequence[Link]) -> JSON:
    """What the statement says."""
    manifests = {link.key: link.manifest for link in chain if link.manifest}
    places = {key: place for place, key in sorted(release.steps.items(), reverse=True)}
    return {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [
            _subject(path, release, manifests)
            for path in sorted(release.published)
            if path != STATEMENT
        ],
        "predicateType": "https://slsa.dev/provenance/v1",
        "predicate": {
            "buildDefinition": {
                "buildType": BUILD_TYPE,
                "externalParameters": {"family": release.family, "version": release.version},
                "resolvedDependencies": [
                    *(_brought(leaf) for link in chain for leaf in link.leaves),
                    *(
                        _made(manifest, places.get(key, key).removeprefix("/"))
                        for key, manifest in manifests.items()
                    ),
                ],
            },
            "runDetails": {
                "builder": {"id": BUILDER, "version": _packages(manifests.values())},
                "metadata": {
                    "startedOn": _utc(min(one.origin.started for one in manifests.values())),
                    "finishedOn": _utc(release.created),
                },
            },
        },
    }


def source(path: str, release: Release) -> tuple[str, str] | None:
    """Key of the artifact whose file set a published file belongs to, and its name in there.

    None for what belongs to no file set, as the notes do."""
    tier, _, rest = path.partition("/")
    precision, _, name = rest.partition("/")
    key = release.steps.get(f"{tier}/export:{precision}")
    return (key, name) if key else None


def _subject(path: str, release: Release, manifests: Mapping[str, Manifest]) -> JSON:
    digest = release.published[path]
    said: JSON = {"name": path, "digest": {"sha256": digest}}
    if found := source(path, release):
        key, name = found
        file = manifests[key].files.get(name)
        if file and file.sha256 == digest:  # cards and licences are written beside
            said["annotations"] = {"artifact": key}
    return said


def _brought(leaf: Leaf) -> JSON:
    """What the user brought; how its digest is taken is told in family/leaves.py."""
    return {
        "name": f"{leaf.stage} {leaf.input}",
        "digest": {"sha256": leaf.digest},
        "annotations": {"brought": True},
    }


def _made(manifest: Manifest, place: str) -> JSON:
    inputs = manifest.recipe["inputs"]
    return {
        "name": place,
        # Lines of `<sha256>  <name>`, sorted by name: what in-toto calls dirHash.
        "digest": {"dirHash": manifest.digest},
        "annotations": {
            "key": manifest.key,
            "recipe": manifest.recipe,
            "edges": [
                {"kind": edge.kind, "parent": inputs[edge.parent], "detail": dict(edge.detail)}
                for edge in manifest.outcome.edges
            ],
        },
    }


def _packages(manifests: Iterable[Manifest]) -> dict[str, str]:
    """Name -> version, or versions, of what the artifacts were built with."""
    found: dict[str, set[str]] = {}
    for manifest in manifests:
        for name, value in manifest.origin.environment.items():
            found.setdefault(name, set()).add(str(value))
    return {name: ", ".join(sorted(values)) for name, values in found.items()}


def _utc(time: str) -> str:
    return datetime.fromisoformat(time).astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _validate(said: JSON) -> None:
    """Hold the statement, its predicate and their parts to in-toto's own definitions."""
    with needed_for("in-toto statements"):
        from google.protobuf.json_format import ParseDict
        from in_toto_attestation.predicates.provenance.v1.provenance_pb2 import Provenance
        from in_toto_attestation.v1.resource_descriptor import ResourceDescriptor
        from in_toto_attestation.v1.statement import Statement
        from in_toto_attestation.v1.statement_pb2 import Statement as Message
    Statement.copy_from_pb(ParseDict(said, Message())).validate()
    provenance = ParseDict(said["predicate"], Provenance())
    for material in provenance.build_definition.resolved_dependencies:
        ResourceDescriptor.copy_from_pb(material).validate()
