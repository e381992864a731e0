"""`descent plan`."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from flows.cli.options import config_argument, json_option, store_option

if TYPE_CHECKING:
    from rich.table import Table

    from family.estimate import Estimate, PlanReport
    from family.spec import FamilySpec


@click.command("plan")
@config_argument
@store_option
@json_option
def command(config: Path, store: Path, as_json: bool) -> None:
    """Say what a build of CONFIG would do, and what it would cost.

    For each stage: whether it is stale and why, down to the setting that changed, with an
    estimate of tokens, time, disk and peak memory. Nothing is built or fetched.

    \b
    Example:
      descent plan configs/quickstart.yaml
      descent plan configs/quickstart.yaml --json
    """
    from export.targets import faults
    from family.load import load
    from flows.cli.show import json, show

    report = plan(load(config, faults), store)
    if as_json:
        json(report)
    else:
        show(_render(report))


def plan(spec: "FamilySpec", root: Path) -> "PlanReport":
    """The plan against the store at `root`, which need not be there."""
    from family import estimate
    from family import plan as planner
    from family.leaves import leaves
    from family.store import Store
    from flows.stages import STAGES

    if not (root / "store.json").exists():
        steps = planner.steps(spec, leaves(spec, None), STAGES)
        planned = planner.plan(steps, {}, lambda key: None, lambda manifest: [])
        return estimate.report(spec, planned, lambda key: None)
    store = Store.existing(root)
    steps = planner.steps(spec, leaves(spec, store.root / "digests.json"), STAGES)
    planned = planner.plan(
        steps,
        store.head(spec.family),
        store.manifest,
        lambda manifest: store.faults(manifest, deep=False),
    )
    return estimate.report(spec, planned, store.manifest, store.manifests())


def _render(report: "PlanReport") -> "Table":
    from flows.cli.show import table

    rows = [
        (one.tier or "family", one.stage, one.status, *_costs(one.estimate), one.reason)
        for one in report.stages
    ]
    stale = sum(one.status == "stale" for one in report.stages)
    rows.append(("in all", "", f"{stale} stale", *_costs(report.total), ""))
    costs = ("tokens", "time", "disk", "memory")
    return table(("tier", "stage", "status", *costs, "reason"), rows, right=costs)


def _costs(estimate: "Estimate") -> tuple[str, ...]:
    from flows.cli.show import duration, size

    costs: tuple[tuple[float | None, Callable[[float], str]], ...] = (
        (estimate.tokens, "{:,}".format),
        (estimate.minutes, lambda minutes: duration(60 * minutes)),
        (estimate.disk_bytes, size),
        (estimate.peak_memory_bytes, size),
    )
    return tuple("?" if cost is None else shown(cost) if cost else "" for cost, shown in costs)
