"""Whether Prefect can do what a family asks of it: its server, deployments, pools and workers."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from family.doctor.findings import Area, Finding
from family.errors import DescentError, StoreError
from family.remote.place import place_of
from family.spec import FamilySpec

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient
    from prefect.client.schemas.responses import DeploymentResponse

PREFECT = Area("prefect")
#: Seconds that the server may take to answer here.
ANSWER = 3.0
#: Prefect itself counts what serves a deployment as gone when it was not heard of for as long.
SILENT = timedelta(seconds=60)
#: Workers in one answer; the server gives no more, and wants to be told where to begin.
MOST = 200
START = "prefect server start, and export PREFECT_API_URL=http://127.0.0.1:4200/api"
ANEW = "descent deploy CONFIG (or descent serve CONFIG)"


def prefect(families: Sequence[str], spec: FamilySpec | None, root: Path) -> Iterator[Finding]:
    """Look at the server that runs are kept on, and at the deployments of these families.

    `spec` is of the one family, where its file is known; then what it asks for must be there.
    """
    from prefect.settings import PREFECT_API_URL, PREFECT_CLIENT_MAX_RETRIES, temporary_settings

    asks = _asks(spec) if spec else []
    if not (url := PREFECT_API_URL.value()):
        alone = "PREFECT_API_URL is not set; builds keep their runs in a database of this machine"
        if spec and spec.runs_on:
            yield PREFECT.fail("server", f"{alone}, and runs_on names pools of a server", START)
        elif asks:
            yield PREFECT.warn("server", f"{alone}, and nobody sees to {', '.join(asks)}", START)
        else:
            yield PREFECT.ok("server", alone)
        return

    import httpx
    from prefect.client.orchestration import get_client

    try:
        with (
            temporary_settings({PREFECT_CLIENT_MAX_RETRIES: 0}),
            get_client(sync_client=True, httpx_settings={"timeout": ANSWER}) as client,
        ):
            if fault := client.api_healthcheck():
                raise fault
            yield _version(client, url)
            pools = {spec.rebuild.pool, *spec.runs_on.values()} if spec else set()
            for family in families:
                there = _deployed(client, family)
                yield from _deployments(family, there, asks, root)
                pools |= {one.work_pool_name for one in there.values()}
            if spec and spec.runs_on:
                yield _stages(spec)
            for pool in sorted(filter(None, pools)):
                yield _pool(client, pool)
    except httpx.HTTPStatusError as error:
        yield _refusal(url, error.response.status_code)
    except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
        yield PREFECT.fail(
            "server",
            f"{url} does not answer ({str(error) or type(error).__name__})",
            f"{START}. Or unset PREFECT_API_URL, to keep the runs in the local database.",
        )


def _asks(spec: FamilySpec) -> list[str]:
    """The settings that only a server which stays can see to."""
    kept = spec.rebuild
    said = {"schedule": kept.schedule, "watch": kept.watch, "after": kept.after, "pool": kept.pool}
    return [f"rebuild.{name}" for name, value in said.items() if value]


def _version(client: "SyncPrefectClient", url: str) -> Finding:
    import prefect

    ours, theirs = prefect.__version__, client.api_version()
    if ours == theirs:
        return PREFECT.ok("server", f"{url}, Prefect {theirs}")
    return PREFECT.warn(
        "server",
        f"{url} has Prefect {theirs}, and this environment {ours}",
        f"Install the same version on both: pip install prefect=={theirs}",
    )


def _refusal(url: str, status: int) -> Finding:
    if status in (401, 403):
        return PREFECT.fail(
            "server",
            f"{url} wants other credentials than are given ({status})",
            "Set PREFECT_API_KEY for Prefect Cloud, PREFECT_API_AUTH_STRING for a server of yours.",
        )
    return PREFECT.fail(
        "server",
        f"{url} does not answer as Prefect's server ({status})",
        "Mend PREFECT_API_URL, which ends in /api: http://127.0.0.1:4200/api. If it is right, the "
        "server's log says more.",
    )


# ---- deployments ---------------------------------------------------------------------------


def _deployed(client: "SyncPrefectClient", family: str) -> "dict[str, DeploymentResponse]":
    """The deployments that a family has, by name."""
    from prefect.exceptions import ObjectNotFound

    found = {}
    for flow in ("rebuild", "release", "look"):
        with suppress(ObjectNotFound):
            found[f"{flow}/{family}"] = client.read_deployment_by_name(f"{flow}/{family}")
    return found


def _deployments(
    family: str, there: "Mapping[str, DeploymentResponse]", asks: list[str], root: Path
) -> Iterator[Finding]:
    for name, deployed in there.items():
        yield _deployment(name, deployed, root)
    if not there and asks:
        yield PREFECT.warn(family, f"not deployed, and nobody sees to {', '.join(asks)}", ANEW)
    elif not there:
        yield PREFECT.ok(family, "not deployed: it is rebuilt by hand", ANEW)


def _stages(spec: FamilySpec) -> Finding:
    """Whether workers of the pools in `runs_on` know how to make the family's steps."""
    from flows.pools import check

    try:
        check(spec)
    except DescentError as error:
        return PREFECT.refused("runs_on", error)
    return PREFECT.ok("runs_on", f"deployed for {', '.join(sorted({*spec.runs_on.values()}))}")


def _is_one(store: str, root: Path) -> bool:
    """Whether both name one store, which may stand at a URL with a folder before it."""
    with suppress(StoreError):  # the folder is in the way of that URL
        return Path(place_of(store)).resolve() == Path(place_of(root)).resolve()
    return False


def _deployment(name: str, found: "DeploymentResponse", root: Path) -> Finding:
    """The first thing that keeps a deployment from its work."""
    config, store = found.parameters.get("config"), found.parameters.get("store")
    if found.paused:
        return PREFECT.warn(name, "paused", f"prefect deployment resume {name}")
    if config and not Path(config).exists():
        return PREFECT.fail(
            name,
            f"it is to read {config}, which is not here",
            f"If the file has moved: {ANEW}. If runs are made on another machine, look there.",
        )
    if store and not _is_one(store, root):
        return PREFECT.warn(
            name, f"it works on another store, {store}", f"descent doctor --store {store}"
        )
    limit = found.global_concurrency_limit
    if limit is None or limit.limit != 1:
        return PREFECT.warn(name, "several runs of it may be at work at once", ANEW)
    if found.work_pool_name:
        return PREFECT.ok(name, f"deployed to the pool {found.work_pool_name}{_due(found)}")
    if found.last_polled is None or datetime.now(UTC) - found.last_polled > SILENT:
        return PREFECT.warn(
            name,
            "nothing serves it",
            f"descent serve {config or 'CONFIG'}, or deploy it to a work pool: descent deploy",
        )
    return PREFECT.ok(name, f"served{_due(found)}")


def _due(found: "DeploymentResponse") -> str:
    active = sum(one.active for one in found.schedules)
    return ", on its schedule" if active else ""


def _pool(client: "SyncPrefectClient", name: str) -> Finding:
    """Whether a work pool has somebody who works."""
    from prefect.client.schemas.objects import WorkerStatus
    from prefect.exceptions import ObjectNotFound

    try:
        pool = client.read_work_pool(name)
    except ObjectNotFound:
        return PREFECT.fail(
            f"pool {name}", "there is none", f"prefect work-pool create {name} --type process"
        )
    if pool.is_paused:
        return PREFECT.warn(f"pool {name}", "paused", f"prefect work-pool resume {name}")
    if pool.concurrency_limit == 0:
        return PREFECT.warn(
            f"pool {name}",
            "its concurrency limit is 0",
            f"prefect work-pool set-concurrency-limit {name} 1",
        )
    workers = client.read_workers_for_work_pool(name, offset=0, limit=MOST)
    alive = sum(one.status == WorkerStatus.ONLINE for one in workers)
    if not alive:
        return PREFECT.warn(
            f"pool {name}", "no worker is alive", f"prefect worker start --pool {name}"
        )
    return PREFECT.ok(f"pool {name}", f"{alive} worker{'s' if alive > 1 else ''} alive")
