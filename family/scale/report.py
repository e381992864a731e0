"""What `descent plan --hardware` answers."""

from pydantic import Field

from family.scale.hardware import Hardware
from family.scale.published import Spread
from family.stage import Settings


class ScaledStage(Settings):
    """One step of a build from nothing, on hardware that need not be here."""

    tier: str = Field(description="Empty for what all tiers share.")
    stage: str = Field(description="The step, with its variant: `distill`, `export:int4`.")
    devices: int = Field(description="Devices at work; 0 for what runs on the host.")
    layout: str = Field(description="Of a training: `alone`, `ddp` or `fsdp`, and if recomputed.")
    tokens: int = Field(description="Tokens read, written or trained on.")
    gpu_hours: float = Field(description="Devices times hours.")
    hours: float = Field(description="Wall time of this step.")
    starts: float = Field(description="Hours after the build began.")
    critical: bool = Field(description="The build would end sooner if this step did.")
    memory_bytes: int = Field(description="Of each device at its fullest; of the host for others.")
    disk_bytes: int = Field(description="What stays on disk.")


class TeacherInLoop(Settings):
    """The other way: no stored signal, and the teacher reads along while a student is trained."""

    signal_gpu_hours: float = Field(description="As planned: each teacher reads the corpus once.")
    signal_bytes: int = Field(description="As planned: what those signals take on disk.")
    loop_gpu_hours: float = Field(
        description="Instead: the teacher reads whatever is trained on, again for each tier."
    )
    loop_memory_bytes: int = Field(
        description="And stands beside the student: the largest teacher's weights in bfloat16, "
        "on each device."
    )


class ScaledPlan(Settings):
    """A whole build from nothing on `hardware`: nothing is read but the family file."""

    family: str
    hardware: Hardware
    stages: tuple[ScaledStage, ...]
    gpu_hours: float = Field(description="All stages.")
    hours: float = Field(description="Wall time of the simulated schedule.")
    signal_bytes: int = Field(description="All signals.")
    disk_bytes: int = Field(description="All artifacts, signals included.")
    critical_path: tuple[str, ...] = Field(description="`tier/step`, one waiting for the other.")
    teacher_in_loop: TeacherInLoop
    spread: Spread = Field(description="How far off the model is on published trainings.")
    remarks: tuple[str, ...] = Field(
        description="What the family file leaves open, and what it leaves idle."
    )
