"""How a family is kept up: when it is looked at, what starts a rebuild, and who lets it out.

Nothing here decides what is built, so a change rebuilds nothing.
"""

from datetime import timedelta
from typing import Annotated, Literal

from pydantic import Field

from family.stage import Settings

TIMEZONE = Field("UTC", description="An IANA time zone: `Europe/Berlin`.")


class Cron(Settings):
    """At the times that a cron expression tells."""

    kind: Literal["cron"]
    cron: str = Field(description="Minute, hour, day, month, weekday: `0 3 * * 1-5`.")
    timezone: str = TIMEZONE


class Interval(Settings):
    """Every so often."""

    kind: Literal["interval"]
    every: timedelta = Field(description="`PT6H`, `P1D`, or seconds.", gt=timedelta(0))
    timezone: str = TIMEZONE


class RRule(Settings):
    """At the times that an iCalendar rule (RFC 5545) tells."""

    kind: Literal["rrule"]
    rrule: str = Field(description="`FREQ=WEEKLY;BYDAY=MO;BYHOUR=3`.")
    timezone: str = TIMEZONE


Schedule = Annotated[Cron | Interval | RRule, Field(discriminator="kind")]


class Rebuild(Settings):
    """What `descent deploy`, `descent serve` and the rebuild flow go by."""

    schedule: Schedule | None = Field(None, description="When to look; left out, when asked.")
    overlap: Literal["cancel", "queue"] = Field(
        "cancel", description="What becomes of a run that is due while another one is at work."
    )
    watch: timedelta | None = Field(
        None,
        description="How often to look at the flagship alone, which takes a moment; a new one "
        "starts a rebuild.",
        gt=timedelta(0),
    )
    after: tuple[str, ...] = Field(
        (), description="Families whose promoted releases start a rebuild of this one."
    )
    fall: dict[str, float] = Field(
        default_factory=dict,
        description="The most by which a tier may be worse than in the last release, by metric and "
        "in its unit: `{agreement: 0.01, int4/megabytes: 1}`. Without any, only the tiers' own "
        "gates count.",
    )
    approve_within: timedelta = Field(
        timedelta(days=3),
        description="How long a release waits for a person; then it counts as rejected.",
        gt=timedelta(0),
    )
    pool: str | None = Field(
        None, description="Prefect's work pool; left out, `descent serve` runs it."
    )
    tags: tuple[str, ...] = Field((), description="Tags of the runs, besides the family's name.")
