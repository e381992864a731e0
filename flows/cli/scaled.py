"""`descent plan --hardware`: what it takes from the command line, and its tables for people."""

from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.table import Table

    from family.scale.report import ScaledPlan

KINDS = "list"


def list_kinds(context: click.Context, option: click.Parameter, value: str | None) -> str | None:
    """Print the known kinds and end, where they are asked for."""
    if value != KINDS:
        return value
    from flows.cli.show import show

    show(kinds_table())
    context.exit()


def kinds_table() -> "Table":
    """Every kind of device that is known, with what is planned with."""
    from family.scale.hardware import kinds
    from flows.cli.show import size, table

    rows = [
        (
            one.kind,
            one.name,
            f"{one.bf16_flops / 1e12:,.1f} TFLOP/s",
            size(one.memory_bytes),
            f"{one.bandwidth / 1e12:.3g} TB/s",
            f"{one.source}, {one.date}",
        )
        for one in kinds()
    ]
    columns = ("kind", "device", "bf16", "memory", "bandwidth", "source")
    return table(columns, rows, right=("bf16", "memory", "bandwidth"))


def render(plan: "ScaledPlan") -> "tuple[RenderableType, ...]":
    """The stages as a table, then what they add up to, in sentences."""
    return stages_table(plan), "\n".join(sentences(plan))


def stages_table(plan: "ScaledPlan") -> "Table":
    from flows.cli.show import table

    columns = ("tokens", "GPU-hours", "starts", "time", "memory", "disk")
    rows = [
        (
            one.tier or "family",
            one.stage,
            f"{one.devices} {plan.hardware.device.kind}" if one.devices else "host",
            one.layout,
            *_figures(one.tokens, one.gpu_hours, one.starts, one.hours),
            *_bytes(one.memory_bytes, one.disk_bytes),
            "*" if one.critical else "",
        )
        for one in plan.stages
    ]
    total = (_count(plan.gpu_hours), "", _hours(plan.hours), *_bytes(0, plan.disk_bytes), "")
    rows.append(("in all", "", plan.hardware.written, "", "", *total))
    return table(("tier", "stage", "on", "layout", *columns, "*"), rows, right=columns)


def sentences(plan: "ScaledPlan") -> list[str]:
    """What the table does not say."""
    from flows.cli.show import size

    loop, spread, device = plan.teacher_in_loop, plan.spread, plan.hardware.device
    return [
        "* decides the wall time. Memory is that of each device, or of the host.",
        f"Signals: {size(plan.signal_bytes)} on disk for {_count(loop.signal_gpu_hours) or 0} "
        f"GPU-hours. With the teacher in the loop instead: {_count(loop.loop_gpu_hours) or 0} "
        f"GPU-hours, nothing on disk, {size(loop.loop_memory_bytes)} more on each {device.kind}.",
        f"{spread.runs} published trainings took {spread.least:g} to {spread.most:g} times the "
        "GPU-hours that this model says of them (docs/SCALE.md).",
        *plan.remarks,
    ]


def _figures(tokens: int, gpu_hours: float, starts: float, hours: float) -> tuple[str, ...]:
    return (_count(tokens), _count(gpu_hours), _hours(starts), _hours(hours))


def _bytes(memory: int, disk: int) -> tuple[str, str]:
    from flows.cli.show import size

    return (size(memory) if memory else "", size(disk) if disk else "")


def _count(value: float) -> str:
    """`10 B`, `6.5 M`, `1,306`, `0.12`; empty for nothing."""
    for unit, scale in (("B", 1e9), ("M", 1e6)):
        if value >= scale:
            return f"{value / scale:.3g} {unit}"
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.2g}" if value else ""


def _hours(value: float) -> str:
    from flows.cli.show import duration

    return duration(3600 * value)
