"""What a check found, and what mends it."""

from dataclasses import dataclass
from typing import Literal, Self

from pydantic import Field, model_validator

from family.errors import DescentError
from family.lineage.views import View

Status = Literal["ok", "warn", "fail"]


class Finding(View):
    """What one check found."""

    area: str = Field(description="`machine`, `packages`, `family`, `store`, `index`, `prefect`.")
    check: str = Field(description="What was looked at: `memory`, `artifacts`.")
    status: Status = Field(description="`fail` keeps something from working, `warn` may.")
    found: str
    fix: str = Field("", description="What to do, a command or a sentence; empty if nothing.")

    @model_validator(mode="after")
    def _what_ails_can_be_mended(self) -> Self:
        if self.status != "ok" and not self.fix:
            raise ValueError(f"{self.area} {self.check} says no fix")
        return self


class Checkup(View):
    """Everything that was found, area by area."""

    findings: tuple[Finding, ...]
    warned: int = Field(description="Findings to look at.")
    failed: int = Field(description="Findings to mend; with any, the command ends with 1.")


def checkup(*found: Finding) -> Checkup:
    """Findings, counted."""
    stood = [one.status for one in found]
    return Checkup(findings=found, warned=stood.count("warn"), failed=stood.count("fail"))


@dataclass(frozen=True)
class Area:
    """Writes down findings about one thing."""

    name: str

    def ok(self, check: str, found: str, fix: str = "") -> Finding:
        """All is well; `fix` says what else could be had."""
        return Finding(area=self.name, check=check, status="ok", found=found, fix=fix)

    def warn(self, check: str, found: str, fix: str) -> Finding:
        return Finding(area=self.name, check=check, status="warn", found=found, fix=fix)

    def fail(self, check: str, found: str, fix: str) -> Finding:
        return Finding(area=self.name, check=check, status="fail", found=found, fix=fix)

    def refused(self, check: str, error: DescentError) -> Finding:
        """An error as a finding: its first sentence says what was found, the others the fix."""
        found, _, fix = " ".join(str(error).split()).partition(". ")
        return self.fail(check, found, fix or found)
