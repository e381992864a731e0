"""Kinds of devices, one YAML file each under `kinds/`, and a number of one kind."""

import re
from functools import cache
from pathlib import Path

import yaml
from pydantic import Field

from family.errors import DescentError
from family.stage import Settings

FOLDER = Path(__file__).parent / "kinds"


class Device(Settings):
    """One kind of accelerator, as its maker states it."""

    kind: str = Field(description="How `--hardware` calls it.")
    name: str
    bf16_flops: float = Field(gt=0, description="Peak, dense, per second.")
    memory_bytes: float = Field(gt=0)
    bandwidth: float = Field(gt=0, description="Of its memory, bytes per second.")
    source: str = Field(description="Who states these figures.")
    read_in: str = Field(description="Where they were read; not the maker's own page.")
    date: str = Field(description="Year and month of the source.")


class Hardware(Settings):
    """A number of devices of one kind that work on one thing at a time."""

    device: Device
    count: int = Field(ge=1)

    @property
    def written(self) -> str:
        """`h100x8`."""
        return f"{self.device.kind}x{self.count}"


@cache
def kinds() -> tuple[Device, ...]:
    """Every kind that is known, by name."""
    return tuple(
        Device.model_validate(
            {"kind": path.stem, **yaml.safe_load(path.read_text(encoding="utf-8"))}
        )
        for path in sorted(FOLDER.glob("*.yaml"))
    )


def hardware(text: str) -> Hardware:
    """`h100x8`, or `h100` for one. Raises DescentError, with the kinds that are known."""
    known = {device.kind: device for device in kinds()}
    found = re.fullmatch(r"([a-z0-9]+?)(?:x([1-9]\d{0,5}))?", text)
    if found is None or found[1] not in known:
        raise DescentError(
            f"--hardware: `{text}` is not a known kind and a number. Known kinds: "
            f"{', '.join(known)}. Write `h100x8` for eight of one."
        )
    return Hardware(device=known[found[1]], count=int(found[2] or 1))
