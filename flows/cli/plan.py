"""`descent plan`."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from flows.cli.options import config_argument, json_option, store_option
from flows.cli.scaled import list_kinds

if TYPE_CHECKING:
    from rich.table import Table

    from family.estimate import Estimate, PlanReport
    from family.scale.costs import Sharding
    from family.scale.report import ScaledPlan
    from family.spec import FamilySpec


@click.command("plan")
@config_argument
@store_option
@click.option(
    "--hardware",
    metavar="KINDxN",
    is_eager=True,
    callback=list_kinds,
    help="Plan on hardware that is not here: `h100x8`. `list` names the kinds.",
)
@click.option(
    "--sharding",
    type=click.Choice(["ddp", "fsdp"]),
    help="With --hardware: how trainings share the devices; left out, what fits.",
)
@click.option(
    "--corpus-tokens",
    type=click.IntRange(min=1),
    metavar="N",
    help="With --hardware: the corpus' size; left out, as the prompts tell.",
)
@json_option
def command(
    config: Path,
    store: Path,
    hardware: str | None,
    sharding: "Sharding | None",
    corpus_tokens: int | None,
    as_json: bool,
) -> None:
    """Say what a build of CONFIG would do, and what it would cost.

    For each stage: whether it is stale and why, down to the setting that changed, with an
    estimate of tokens, time, disk and peak memory. Nothing is built or fetched.

    With --hardware, a whole build from nothing on devices that need not be here: GPU-hours,
    memory of each device, storage, and a simulated schedule. The store and the flagship are not
    looked at; its shape must stand in CONFIG.

    \b
    Example:
      descent plan configs/quickstart.yaml
      descent plan configs/quickstart.yaml --json
      descent plan configs/at-scale.yaml --hardware h100x8
      descent plan --hardware list
    """
    from export.targets import faults
    from family.load import load
    from flows import planning
    from flows.cli.scaled import render
    from flows.cli.show import json, show

    if hardware is None:
        for option, value in (("--sharding", sharding), ("--corpus-tokens", corpus_tokens)):
            if value is not None:
                raise click.UsageError(f"{option} goes with --hardware. Add it: --hardware h100x8.")
        report = planning.costs(load(config, faults), store)
        json(report) if as_json else show(_render(report), *_suggestions(report))
        return
    scaled = plan_on_paper(load(config, faults), hardware, sharding, corpus_tokens)
    json(scaled) if as_json else show(*render(scaled))


def plan_on_paper(
    spec: "FamilySpec",
    hardware: str,
    sharding: "Sharding | None" = None,
    corpus_tokens: int | None = None,
) -> "ScaledPlan":
    """The plan of a build from nothing on `hardware`, as `h100x8`."""
    from family.scale.hardware import hardware as parsed
    from family.scale.planner import plan_on
    from flows.stages import STAGES

    return plan_on(spec, STAGES, parsed(hardware), sharding=sharding, corpus_tokens=corpus_tokens)


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


def _suggestions(report: "PlanReport") -> Iterator[str]:
    from flows.cli.show import duration

    for one in report.assistants:
        yield (
            f"{one.tier} is {one.times:.1f} times smaller than its teacher, {one.teacher}. A tier "
            f"between them, `start: {{kind: prune, budget: {{params: "
            f"{one.parameters / 1e6:.3g}M}}}}`, may teach it better: {one.tokens:,} tokens, "
            f"{duration(60 * one.minutes)} more."
        )


def _costs(estimate: "Estimate") -> tuple[str, ...]:
    from flows.cli.show import duration, size

    costs: tuple[tuple[float | None, Callable[[float], str]], ...] = (
        (estimate.tokens, "{:,}".format),
        (estimate.minutes, lambda minutes: duration(60 * minutes)),
        (estimate.disk_bytes, size),
        (estimate.peak_memory_bytes, size),
    )
    return tuple("?" if cost is None else shown(cost) if cost else "" for cost, shown in costs)
