"""What this planner foretells of runs that were published, and how far off it is."""

from functools import cache
from pathlib import Path

import yaml
from pydantic import Field

from family.scale.costs import forward_seconds, training_seconds
from family.scale.hardware import hardware
from family.stage import Settings

FILE = Path(__file__).parent / "published.yaml"
#: All published hours are of this kind.
DEVICE = "h100"
HOUR = 3600.0


class _Run(Settings):
    what: str
    tokens: float
    gpu_hours: float
    source: str
    date: str
    remark: str


class TrainingRun(_Run):
    id: str
    student: float
    teacher: float = 0.0
    """Parameters of a teacher that reads along; 0 if none does."""
    fitted: bool = False
    """`costs.TRAINING` was made to meet this one."""

    def foretold(self) -> float:
        """GPU-hours."""
        device = hardware(DEVICE).device
        seconds = training_seconds(device, self.student, self.tokens)
        return (seconds + forward_seconds(device, self.teacher, self.tokens)) / HOUR


class ForwardRun(_Run):
    parameters: float

    def foretold(self) -> float:
        """GPU-hours."""
        return forward_seconds(hardware(DEVICE).device, self.parameters, self.tokens) / HOUR


class Window(_Run):
    """Devices times days: the hours can be no more."""

    student: float
    teacher: float
    correction_tokens: float

    def foretold(self) -> float:
        """GPU-hours."""
        device = hardware(DEVICE).device
        seconds = (
            training_seconds(device, self.student, self.tokens)
            + forward_seconds(device, self.teacher, self.tokens)
            + training_seconds(device, self.teacher, self.correction_tokens)
        )
        return seconds / HOUR


Run = TrainingRun | ForwardRun | Window


class StepCount(Settings):
    """Operations of one training step."""

    model: str
    parameters: float
    flop: float


class SignalBytes(Settings):
    """A signal on disk, as planned from its corpus' tokens and as it was sealed."""

    planned_bytes: int
    sealed_bytes: int


class Published(Settings):
    """All that `published.yaml` holds."""

    training: tuple[TrainingRun, ...]
    forward: tuple[ForwardRun, ...]
    windows: tuple[Window, ...]
    steps: tuple[StepCount, ...]
    steps_tokens: float
    steps_saving: float
    steps_source: str
    signal: SignalBytes

    def counted(self, step: StepCount) -> float:
        """Operations of one training step, as `costs` counts them."""
        return 6 * step.parameters * self.steps_tokens

    def saving(self) -> float:
        """From scratch over pruned and distilled, both as `costs` counts; as in the paper, the
        teacher's own passes during distillation are left out."""
        first, *others = (self.counted(step) for step in self.steps)
        return (first + sum(others)) / (first + sum(others) / 40)


class Spread(Settings):
    """Between which factors published training hours lie of what is foretold."""

    least: float = Field(description="Published GPU-hours over foretold ones, the least of all.")
    most: float = Field(description="The most of all.")
    runs: int = Field(description="Published trainings that were compared, the fitted one aside.")


@cache
def published() -> Published:
    return Published.model_validate(yaml.safe_load(FILE.read_text(encoding="utf-8")))


def spread() -> Spread:
    """How far off training hours are, over every run but the fitted one."""
    found = [run.gpu_hours / run.foretold() for run in published().training if not run.fitted]
    return Spread(least=round(min(found), 2), most=round(max(found), 2), runs=len(found))


def error(foretold: float, stated: float) -> float:
    """0.2 is a fifth too much."""
    return foretold / stated - 1
