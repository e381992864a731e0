"""Look at a family's flagship alone, which takes a moment, and tell Prefect if it changed."""

from pathlib import Path

from prefect import flow, task
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State
from prefect.states import Completed

from family.errors import DescentError
from family.lineage.follow import follow
from family.load import load
from family.spec import FamilySpec, HubSource
from family.store import Store
from flows import planning
from flows.events import CHANGED, tell
from flows.refusals import in_plain_words
from flows.tries import DELAYS, worth_it


@flow(name="look", flow_run_name="Look at the flagship of {config.stem}", persist_result=False)
@in_plain_words
def look(config: Path, store: Path = Path(".descent")) -> State[bool]:
    """Look whether a family's flagship is another one than it was built from.

    If so, emit the event `descent.flagship.changed`, which starts a rebuild.

    Args:
        config: The family file.
        store: Where the artifacts are.
    """
    spec = tracked(load(config))
    opened = Store(store)
    follow(opened)
    steps = planning.steps(spec, opened)
    now = next(step for step in steps if step.recipe.stage == "flagship")
    if opened.head(spec.family).get(now.id) == now.recipe.key:
        return Completed(name="Unchanged", data=False)
    tell(CHANGED, spec.family, config=str(config), flagship=now.recipe.key)
    return Completed(name="Changed", data=True)


def tracked(spec: FamilySpec) -> FamilySpec:
    """The spec with the newest commit of the branch that it tracks on the Hub, if it tracks one."""
    source = spec.flagship.source
    if not isinstance(source, HubSource) or source.track is None:
        return spec
    newest = source.model_copy(update={"revision": newest_commit(source.repo, source.track)})
    flagship = spec.flagship.model_copy(update={"source": newest})
    return spec.model_copy(update={"flagship": flagship})


@task(
    name="ask the hub",
    task_run_name="Ask the Hub for the newest commit of {repo}",
    cache_policy=NO_CACHE,
    persist_result=False,
    retries=len(DELAYS),
    retry_delay_seconds=DELAYS,
    retry_condition_fn=worth_it,
)
def newest_commit(repo: str, branch: str) -> str:
    """The commit that a branch of a repository on the Hub has now."""
    from huggingface_hub import HfApi
    from huggingface_hub.errors import HfHubHTTPError, OfflineModeIsEnabled

    about = f"flagship.source.track: {branch} of {repo} cannot be looked at"
    try:
        found = HfApi().model_info(repo, revision=branch, timeout=30).sha
    except OfflineModeIsEnabled as error:  # which will not pass, though it is a ConnectionError
        raise DescentError(f"{about}: {error}") from None
    except (HfHubHTTPError, OSError) as error:
        raise DescentError(f"{about}: {error}") from error
    assert found  # the Hub names the commit of every revision that it has
    return found
