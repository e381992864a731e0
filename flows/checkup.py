"""All that `descent doctor` looks at, put together."""

from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

from export.targets import faults
from family.doctor.findings import Area, Checkup, Finding, checkup
from family.doctor.index import index
from family.doctor.machine import machine
from family.doctor.packages import packages
from family.doctor.store import store
from family.errors import SpecError, StoreError
from family.estimate import Estimate, PlanReport
from family.load import load
from family.spec import FamilySpec, HubSource
from family.store import Store
from flows import health, planning

FAMILY = Area("family")


def look_at(root: Path, config: Path | None = None) -> Checkup:
    """Look at everything around the store `root`, and at what the family in `config` needs."""
    spec, plan, told = _family(config, root) if config else (None, None, [])
    bf16 = spec is not None and any(one.distill.precision == "bf16" for one in spec.tiers.values())
    try:
        opened = Store.existing(root)
    except StoreError:
        opened = None  # `store` tells why
    names = [spec.family] if spec else opened.families() if opened else []
    return checkup(
        *machine(root, _here(plan, spec) if plan and spec else None, trains_in_bf16=bf16),
        *packages(),
        *told,
        *store(root),
        *(index(opened) if opened else ()),
        *health.prefect(names, spec, root),
    )


def _family(config: Path, root: Path) -> tuple[FamilySpec | None, PlanReport | None, list[Finding]]:
    """A family file, what a build of it would do, and what was found about both."""
    try:
        spec = load(config, faults)
    except SpecError as error:
        return None, None, [_refused("file", config, error)]
    told = [FAMILY.ok("file", f"{config}: {spec.family}"), *_credentials(spec), *_runner(spec)]
    try:
        plan = planning.costs(spec, root)
    except SpecError as error:
        return spec, None, [*told, _refused("inputs", config, error)]
    except StoreError:
        return spec, None, told
    stale = sum(one.status == "stale" for one in plan.stages)
    told.append(FAMILY.ok("plan", f"{stale} of {len(plan.stages)} steps are to be built"))
    return spec, plan, told


def _here(plan: PlanReport, spec: FamilySpec) -> Estimate:
    """What the build costs this machine: a step that a pool runs takes no memory here."""
    peaks = [
        one.estimate.peak_memory_bytes
        for one in plan.stages
        if one.stage.partition(":")[0] not in spec.runs_on
    ]
    return plan.total.model_copy(update={"peak_memory_bytes": max(filter(None, peaks), default=0)})


def _refused(check: str, config: Path, error: SpecError) -> Finding:
    return FAMILY.fail(check, " ".join(error.faults), f"Mend {config}.")


def _credentials(spec: FamilySpec) -> Iterator[Finding]:
    """Whether the Hub can be asked for the flagship; a token is never shown."""
    source = spec.flagship.source
    if not isinstance(source, HubSource):
        return
    from huggingface_hub import constants, get_token

    if source.track and constants.is_offline_mode():
        yield FAMILY.fail(
            "hub",
            f"HF_HUB_OFFLINE is set, and {source.repo} is to be looked at for new commits",
            "unset HF_HUB_OFFLINE, or leave out flagship.source.track",
        )
    elif get_token():
        yield FAMILY.ok("hub", f"a token is there for {source.repo}")
    else:
        yield FAMILY.ok(
            "hub", f"no token, which {source.repo} needs if it is gated or private", "hf auth login"
        )


def _runner(spec: FamilySpec) -> Iterator[Finding]:
    """Whether the task runner is installed; it is not imported, which would take seconds."""
    name = spec.running.runner
    if name in ("dask", "ray"):
        if find_spec(f"prefect_{name}"):
            yield FAMILY.ok("runner", name)
        else:
            yield FAMILY.fail(
                "runner",
                f"running.runner is {name}, which is not installed",
                f"pip install 'descent-family[{name}]'",
            )
