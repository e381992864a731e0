"""A family file on hardware that need not be here: hours, memory, disk and a schedule. Pure.

The steps are those of `family.plan`, their sizes those of `family.estimate`. Nothing is looked up
in a store, fetched, or read from a disk: the flagship may be one that only its shape is known of.
"""

from collections.abc import Iterator, Mapping, Sequence

from family.errors import DescentError, SpecError
from family.estimate import Sizes
from family.plan import Leaves, Step, steps
from family.scale.costs import Sharding, forward_seconds
from family.scale.fixes import fault
from family.scale.hardware import Hardware
from family.scale.pricing import HOUR, Cost, Pricing
from family.scale.published import spread
from family.scale.report import ScaledPlan, ScaledStage, TeacherInLoop
from family.scale.schedule import Slot, Task, critical_path, simulate
from family.spec import Distill, FamilySpec, FromFile
from family.stage import Stage


def plan_on(
    spec: FamilySpec,
    stages: Mapping[str, Stage],
    hardware: Hardware,
    *,
    sharding: Sharding | None = None,
    corpus_tokens: int | None = None,
) -> ScaledPlan:
    """The build of `spec` from nothing on `hardware`.

    `sharding` is how trainings are laid out over the devices; None picks, for each, the first
    that fits: DDP, FSDP, FSDP that recomputes. `corpus_tokens` stands in for the corpus' size.
    Raises SpecError if the flagship's shape is not stated, and DescentError, with the fixes, for
    what does not fit into memory.
    """
    if spec.flagship.shape is None:
        raise SpecError(
            f"family {spec.family}",
            ["flagship.shape: missing, and nothing is fetched to plan. Write it down."],
        )
    tokens, remarks = _corpus(spec, corpus_tokens)
    sizes = Sizes(spec, {}, tokens)
    found = steps(spec, _leaves(spec), stages)
    pricing = Pricing(spec, sizes, hardware, sharding)
    priced = {step.id: pricing.cost(step) for step in found}
    if wrong := [fault(step, pricing) for step in found if not pricing.fits(step)]:
        lines = "\n".join(f"  {line}" for line in wrong)
        raise DescentError(f"family {spec.family} does not fit on {hardware.written}:\n{lines}")
    slots = simulate([_task(step, priced[step.id]) for step in found])
    path = critical_path(slots)
    rows = [
        _row(step, priced[step.id], slots[step.id], pricing, critical=step.id in path)
        for step in found
    ]
    loop = _teacher_in_loop(spec, sizes, hardware, rows)
    return ScaledPlan(
        family=spec.family,
        hardware=hardware,
        stages=tuple(rows),
        gpu_hours=round(sum(row.gpu_hours for row in rows), 2),
        hours=round(max(slot.end for slot in slots.values()) / HOUR, 3),
        signal_bytes=loop.signal_bytes,
        disk_bytes=sum(row.disk_bytes for row in rows),
        critical_path=path,
        teacher_in_loop=loop,
        spread=spread(),
        remarks=(*remarks, *_idle(found, priced, hardware)),
    )


def _leaves(spec: FamilySpec) -> Leaves:
    """Stand-ins: no key of this plan is ever looked up."""
    stand_in = "0" * 64
    return Leaves(
        stand_in,
        {name: stand_in for name, held in spec.data.items() if isinstance(held, FromFile)},
    )


def _corpus(spec: FamilySpec, stated: int | None) -> tuple[int | None, list[str]]:
    """The corpus' tokens, if the prompts do not tell, and what is assumed about them."""
    if stated is not None:
        return stated, [f"The corpus holds {stated:,} tokens, as --corpus-tokens says."]
    if not any(isinstance(held, FromFile) for held in spec.data.values()):
        return None, []
    most = max(tier.distill.tokens for tier in spec.tiers.values())
    return most, [
        f"The corpus holds {most:,} tokens, the most that a tier sees: what it is made from is not "
        "read. --corpus-tokens says otherwise."
    ]


def _idle(found: Sequence[Step], priced: Mapping[str, Cost], hardware: Hardware) -> Iterator[str]:
    """Trainings whose batches have too few blocks at once for all devices."""
    for step in found:
        settings, busy = step.recipe.settings, priced[step.id].devices
        if isinstance(settings, Distill) and busy < hardware.count:
            yield (
                f"{step.title} keeps {busy} of {hardware.count} devices busy: `batch: "
                f"{settings.batch}` in `accumulate: {settings.accumulate}` parts is that many "
                "blocks at once."
            )


def _task(step: Step, cost: Cost) -> Task:
    needs = tuple(dict.fromkeys(step.sources.values()))
    return Task(step.id, "devices" if cost.devices else "host", cost.seconds, needs)


def _row(step: Step, cost: Cost, slot: Slot, pricing: Pricing, *, critical: bool) -> ScaledStage:
    tokens = pricing.tokens(step)
    return ScaledStage(
        tier=step.tier,
        stage=step.name,
        devices=cost.devices,
        layout=cost.layout,
        tokens=tokens,
        gpu_hours=round(cost.devices * cost.seconds / HOUR, 3),
        hours=round(cost.seconds / HOUR, 4),
        starts=round(slot.start / HOUR, 3),
        critical=critical,
        memory_bytes=round(cost.memory),
        disk_bytes=round(pricing.sizes.disk(step, pricing.models(step), tokens)),
    )


def _teacher_in_loop(
    spec: FamilySpec, sizes: Sizes, hardware: Hardware, rows: Sequence[ScaledStage]
) -> TeacherInLoop:
    taught = [
        (shape, tier.distill.tokens)
        for tier in spec.tiers.values()
        if tier.distill.taught and (shape := sizes.shapes[tier.teacher])
    ]
    seconds = sum(
        forward_seconds(hardware.device, shape.parameters, tokens) for shape, tokens in taught
    )
    signals = [row for row in rows if row.stage == "signal"]
    return TeacherInLoop(
        signal_gpu_hours=round(sum(row.gpu_hours for row in signals), 2),
        signal_bytes=sum(row.disk_bytes for row in signals),
        loop_gpu_hours=round(seconds / HOUR, 2),
        loop_memory_bytes=max((2 * shape.parameters for shape, _ in taught), default=0),
    )
