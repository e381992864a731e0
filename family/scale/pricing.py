"""What each step takes on given hardware, and whether it fits. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from math import ceil

from family.estimate import PACE, PROMPT_TOKENS, Sizes
from family.plan import Step
from family.scale import costs
from family.scale.costs import Layout, Sharding
from family.scale.hardware import Hardware
from family.spec import Distill, Evaluate, FamilySpec, ModelShape, Responses, Signal

HOUR = 3600.0


@dataclass(frozen=True)
class Cost:
    """What one step takes. `devices` is 0 on the host, `memory` that of each device."""

    seconds: float
    devices: int
    memory: float
    layout: str = ""


@dataclass(frozen=True)
class Pricing:
    """Prices of a family's steps; `sharding` None picks for each training what fits."""

    spec: FamilySpec
    sizes: Sizes
    hardware: Hardware
    sharding: Sharding | None = None

    def cost(self, step: Step) -> Cost:
        settings, models, tokens = step.recipe.settings, self.models(step), self.tokens(step)
        device, count = self.hardware.device, self.hardware.count
        parameters = sum(model.parameters for model in models)
        match settings:
            case Responses(batch=batch, max_tokens=longest):
                length = PROMPT_TOKENS + longest
                seconds = costs.decode_seconds(device, models[0], tokens, batch, length)
            case Signal() | Evaluate():
                seconds = costs.forward_seconds(device, parameters, tokens)
            case Distill():
                return self._training(settings, models)
            case _:
                paced = PACE[step.recipe.stage].seconds(float(parameters) * max(tokens, 1))
                return Cost(paced, 0, self.sizes.memory(step, models))
        return Cost(seconds / count, count, self.sizes.memory(step, models))

    def fits(self, step: Step) -> bool:
        """Whether a step's devices have room for it; the host's memory is not known."""
        cost = self.cost(step)
        return cost.devices == 0 or cost.memory <= self.room

    @property
    def room(self) -> float:
        return costs.room(self.hardware.device)

    def models(self, step: Step) -> list[ModelShape]:
        """The shapes that run in a step; all are known where the flagship's is."""
        return [model for model in self.sizes.models(step) if model]

    def tokens(self, step: Step) -> int:
        return self.sizes.tokens(step.recipe.settings) or 0

    def on(self, hardware: Hardware) -> "Pricing":
        return replace(self, hardware=hardware)

    # ---- trainings

    def _training(self, settings: Distill, models: list[ModelShape]) -> Cost:
        """The first layout that fits; where none does, the smallest."""
        tried = [self._laid_out(settings, models, layout) for layout in self._layouts(settings)]
        smallest = min(tried, key=lambda cost: cost.memory)
        return next((cost for cost in tried if cost.memory <= self.room), smallest)

    def _layouts(self, settings: Distill) -> Iterator[Layout]:
        # A block is the least that a device is given.
        busy = min(self.hardware.count, max(1, settings.batch // settings.accumulate))
        if self.sharding:
            yield Layout(busy, self.sharding)
            return
        yield Layout(busy, "ddp")
        yield Layout(busy, "fsdp")
        yield Layout(busy, "fsdp", recompute=True)

    def _laid_out(self, settings: Distill, models: list[ModelShape], layout: Layout) -> Cost:
        """A teacher that runs beside the student, the second model, is whole on each device."""
        student, *beside = models
        blocks = ceil(settings.batch / settings.accumulate / layout.devices)
        tokens = blocks * self.spec.corpus.block
        device, teacher = self.hardware.device, sum(model.parameters for model in beside)
        seconds = costs.training_seconds(
            device, student.parameters, settings.tokens, recompute=layout.recompute
        ) + costs.forward_seconds(device, teacher, settings.tokens)
        memory = costs.training_bytes(student, layout, settings.optimizer, tokens) + 2 * teacher
        return Cost(seconds / layout.devices, layout.devices, memory, layout.written)
