"""What makes a step fit that does not: each fix is tried before it is told. Pure."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from family.plan import Step
from family.scale.hardware import Hardware, kinds
from family.scale.pricing import Pricing
from family.spec import Distill, Evaluate, Responses

#: Most devices that are proposed, as a power of two.
MOST = 10
NOTHING = "No known kind and no one change is enough: make the model smaller."


def fault(step: Step, pricing: Pricing) -> str:
    """Where it does not fit, by how much, and each single change that makes it."""
    cost, kind = pricing.cost(step), pricing.hardware.device.kind
    how = f" ({cost.layout})" if cost.layout else ""
    fixes = [words for words, other, there in _changes(step, pricing) if there.fits(other)]
    told = f"It would fit with {'; or '.join(fixes)}." if fixes else NOTHING
    return (
        f"{step.where}: {step.title} takes {cost.memory / 1e9:.1f} GB of each {kind}{how}, "
        f"which has room for {pricing.room / 1e9:.1f} GB. {told}"
    )


def _changes(step: Step, pricing: Pricing) -> Iterator[tuple[str, Step, Pricing]]:
    """What may help, in words, with the step and the prices that it would make."""
    match step.recipe.settings:
        case Distill() as settings:
            yield from _training_changes(step, settings, pricing)
        case Responses(batch=batch) | Evaluate(batch=batch):
            halves = (batch // 2**power for power in range(1, batch.bit_length()))
            fitting = (size for size in halves if pricing.fits(_with(step, batch=size)))
            if size := next(fitting, 0):
                yield f"`batch: {size}`", _with(step, batch=size), pricing
    larger = sorted(kinds(), key=lambda device: device.memory_bytes)
    for device in larger:
        there = pricing.on(Hardware(device=device, count=pricing.hardware.count))
        if there.fits(step):
            yield f"`--hardware {there.hardware.written}`", step, there
            return


def _training_changes(
    step: Step, settings: Distill, pricing: Pricing
) -> Iterator[tuple[str, Step, Pricing]]:
    if pricing.sharding == "ddp":
        yield "`--sharding fsdp`", step, replace(pricing, sharding="fsdp")
    if pricing.sharding:
        yield "no `--sharding`, which lets it recompute too", step, replace(pricing, sharding=None)
    small = "`optimizer: adamw_8bit`"
    yield small, _with(step, optimizer="adamw_8bit"), pricing
    parts = settings.batch // pricing.hardware.count
    if parts > settings.accumulate:
        yield f"`accumulate: {parts}`", _with(step, accumulate=parts), pricing
        both = _with(step, optimizer="adamw_8bit", accumulate=parts)
        yield f"{small} and `accumulate: {parts}`", both, pricing
    if pricing.sharding != "ddp":
        yield from _more_devices(step, settings, pricing)


def _more_devices(
    step: Step, settings: Distill, pricing: Pricing
) -> Iterator[tuple[str, Step, Pricing]]:
    """The least number that has room, with a batch that gives each of them a block."""
    for count in (2**power for power in range(1, MOST + 1)):
        there = pricing.on(Hardware(device=pricing.hardware.device, count=count))
        batch = max(settings.batch, count)
        parts = min(settings.accumulate, batch // count)
        other = _with(step, batch=batch, accumulate=parts)
        if count > pricing.hardware.count and there.fits(other):
            asked = {"batch": (batch, settings.batch), "accumulate": (parts, settings.accumulate)}
            more = [f" and `{name}: {new}`" for name, (new, old) in asked.items() if new != old]
            yield f"`--hardware {there.hardware.written}`{''.join(more)}", other, there
            return


def _with(step: Step, **changes: Any) -> Step:
    """The step with some settings changed."""
    settings = step.recipe.settings.model_copy(update=changes)
    return replace(step, recipe=replace(step.recipe, settings=settings))
