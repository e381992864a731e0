"""Look at a family's flagship alone, which takes a moment, and tell Prefect if it changed."""

from pathlib import Path

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.events import emit_event
from prefect.states import Completed

from family import plan
from family.errors import DescentError
from family.leaves import leaves
from family.load import load
from family.spec import FamilySpec, HubSource
from family.store import Store
from flows import stages
from flows.release import resource

#: The flagship is another one than the family was built from.
CHANGED = "descent.flagship.changed"


@flow(name="look", flow_run_name="look at the flagship of {config.stem}", persist_result=False)
def look(config: Path, store: Path = Path(".descent")) -> State[bool]:
    """Emit the event `descent.flagship.changed` if there is a new flagship."""
    spec = tracked(load(config))
    opened = Store(store)
    steps = plan.steps(spec, leaves(spec, opened.root / "digests.json"), stages.STAGES)
    now = next(step.recipe.key for step in steps if step.id == "/flagship")
    if opened.head(spec.family).get("/flagship") == now:
        return Completed(name="Unchanged", data=False)
    emit_event(
        event=CHANGED,
        resource={
            "prefect.resource.id": resource(spec.family),
            "prefect.resource.name": spec.family,
        },
        payload={"config": str(config), "flagship": now},
    )
    return Completed(name="Changed", data=True)


def tracked(spec: FamilySpec) -> FamilySpec:
    """The spec with the newest commit of the branch that it tracks on the Hub, if it tracks one."""
    source = spec.flagship.source
    if not isinstance(source, HubSource) or source.track is None:
        return spec
    from huggingface_hub import HfApi
    from huggingface_hub.errors import HfHubHTTPError, OfflineModeIsEnabled

    try:
        found = HfApi().model_info(source.repo, revision=source.track, timeout=30).sha
    except (HfHubHTTPError, OfflineModeIsEnabled, OSError) as error:
        raise DescentError(
            f"flagship.source.track: {source.track} of {source.repo} cannot be looked at: {error}"
        ) from error
    newest = source.model_copy(update={"revision": found})
    flagship = spec.flagship.model_copy(update={"source": newest})
    return spec.model_copy(update={"flagship": flagship})
