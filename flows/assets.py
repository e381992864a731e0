"""Tells Prefect of each model that is sealed, with the digest of its whole lineage.

As materialisation events of assets: every server keeps events, and Prefect Cloud makes assets of
them. An asset is a place in a family, `descent://quickstart/edge/distill`; the artifact that
stands there now is told by its key.
"""

from prefect.events import emit_event

from family.lineage.database import reading
from family.lineage.digest import lineage_digest
from family.plan import Step
from family.stage import ModelFacts
from family.store import Manifest, Store

MATERIALISED = "prefect.asset.materialization.succeeded"


def asset(family: str, step: str) -> str:
    """The asset of a step: `descent://quickstart/edge/export-int4`."""
    return f"descent://{family}/{step.strip('/').replace(':', '-')}"


def sealed(store: Store, family: str, step: Step, manifest: Manifest) -> None:
    """Emit the event, if the artifact is a model."""
    model = manifest.outcome.model
    if model is None:
        return
    with reading(store) as connection:
        lineage = lineage_digest(connection, manifest.key)
    parents = {
        edge.parent: step.sources[edge.parent]
        for edge in manifest.outcome.edges
        if edge.parent in step.sources
    }
    emit_event(
        event=MATERIALISED,
        resource={
            "prefect.resource.id": asset(family, step.id),
            "prefect.resource.name": step.title,
            "prefect.asset.description": _described(model),
            "descent.key": manifest.key,
            "descent.lineage": lineage,
        },
        related=[
            {"prefect.resource.id": asset(family, source), "prefect.resource.role": "asset"}
            for source in dict.fromkeys(parents.values())
        ],
        payload={
            "key": manifest.key,
            "digest": manifest.digest,
            "lineage": lineage,
            "store": store.place,
            "parents": [
                {
                    "kind": edge.kind,
                    "asset": asset(family, parents[edge.parent]),
                    "key": manifest.recipe["inputs"][edge.parent],
                }
                for edge in manifest.outcome.edges
                if edge.parent in parents
            ],
        },
    )


def _described(model: ModelFacts) -> str:
    return f"{model.architecture}, {model.parameters:,} parameters, {model.precision}"
