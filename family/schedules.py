"""Whether a family's schedule can ever come due, told before anything is deployed."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from difflib import get_close_matches
from typing import Any, get_args
from zoneinfo import available_timezones

from family.faults import Fault, choice
from family.spec import RETENTION, MetricName

#: Any moment will do: what never comes due after it, never does.
SINCE = datetime(2026, 1, 1, tzinfo=UTC)


def rebuild_faults(rebuild: Mapping[str, Any], family: object) -> Iterator[Fault]:
    """Faults of a family file's `rebuild` that its types cannot know."""
    if isinstance(schedule := rebuild.get("schedule"), Mapping):
        yield from _schedule_faults(schedule)
    if isinstance(falls := rebuild.get("fall"), Mapping):
        for metric, most in falls.items():
            place = ("rebuild", "fall", str(metric))
            name = str(metric).rpartition("/")[2]
            if name not in get_args(MetricName) and not name.endswith(RETENTION):
                yield Fault(place, f"unknown; {choice(name, get_args(MetricName))}")
            elif isinstance(most, (int, float)) and most < 0:
                yield Fault(place, f"{most:g} is below 0: how much worse a tier may be. Use 0.")
    if isinstance(after := rebuild.get("after"), (list, tuple)) and family in after:
        yield Fault(("rebuild", "after"), f"`{family}` would wait for itself. Leave it out.")


def _schedule_faults(schedule: Mapping[str, Any]) -> Iterator[Fault]:
    place = ("rebuild", "schedule")
    zone = schedule.get("timezone")
    if isinstance(zone, str) and zone not in available_timezones():
        near = get_close_matches(zone, available_timezones(), n=1)
        hint = f"Did you mean {near[0]}?" if near else "Write one as Europe/Berlin, or UTC."
        yield Fault((*place, "timezone"), f"`{zone}` is no time zone of the IANA's. {hint}")
    for field, fault_of in (("cron", _cron_fault), ("rrule", _rrule_fault)):
        rule = schedule.get(field)
        if isinstance(rule, str) and (fault := fault_of(rule)):
            yield Fault((*place, field), f"`{rule}` {fault}")


def _cron_fault(rule: str) -> str | None:
    from croniter import CroniterBadDateError, CroniterError, croniter

    if len(rule.split()) not in (5, 6):
        return "has not five parts: minute, hour, day, month, weekday. Write one as `0 3 * * 1`."
    try:
        croniter(rule, SINCE).get_next(datetime)
    except CroniterBadDateError:
        return "never comes due: there is no such day. Mend its day or its month."
    except (CroniterError, ValueError, KeyError) as error:
        return f"is no cron expression: {error}. Write one as `0 3 * * 1`."
    return None


def _rrule_fault(rule: str) -> str | None:
    from dateutil.rrule import rrulestr

    try:
        due = rrulestr(rule, dtstart=None if "DTSTART" in rule else SINCE.replace(tzinfo=None))
        if due.after(SINCE.replace(tzinfo=None)) is None:
            return "never comes due from 2026 on. Mend its end (UNTIL, COUNT) or its days."
    except (ValueError, TypeError, KeyError) as error:
        return f"is no rule of RFC 5545: {error}. Write one as `FREQ=WEEKLY;BYDAY=MO;BYHOUR=3`."
    return None
