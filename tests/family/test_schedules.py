"""Schedules that can come due, and others."""

from typing import Any

import pytest

from family.schedules import rebuild_faults


def said(**rebuild: Any) -> list[str]:
    return [f"{'.'.join(map(str, one.path))}: {one.text}" for one in rebuild_faults(rebuild, "toy")]


@pytest.mark.parametrize(
    "schedule",
    [
        {"kind": "cron", "cron": "0 3 * * 1-5", "timezone": "Europe/Berlin"},
        {"kind": "cron", "cron": "0 0 29 2 *"},
        {"kind": "rrule", "rrule": "FREQ=WEEKLY;BYDAY=MO;BYHOUR=3"},
        {"kind": "interval", "every": "PT6H"},
    ],
)
def test_a_schedule_that_comes_due_has_no_fault(schedule: dict[str, str]) -> None:
    assert said(schedule=schedule) == []


def test_a_cron_that_never_fires_is_refused() -> None:
    assert said(schedule={"kind": "cron", "cron": "0 0 31 2 *"}) == [
        "rebuild.schedule.cron: `0 0 31 2 *` never comes due: there is no such day. Mend its day "
        "or its month."
    ]


@pytest.mark.parametrize(
    ("cron", "what"), [("nightly", "has not five parts"), ("61 * * * *", "is no cron expression")]
)
def test_what_is_no_cron_expression_is_refused(cron: str, what: str) -> None:
    (fault,) = said(schedule={"kind": "cron", "cron": cron})
    assert f"`{cron}` {what}" in fault


def test_a_rule_that_is_over_or_none_is_refused() -> None:
    (over,) = said(schedule={"kind": "rrule", "rrule": "FREQ=DAILY;UNTIL=20200101T000000"})
    assert "never comes due from 2026 on" in over
    (none,) = said(schedule={"kind": "rrule", "rrule": "FREQ=SOMETIMES"})
    assert "is no rule of RFC 5545" in none


def test_an_unknown_time_zone_names_the_nearest() -> None:
    (fault,) = said(schedule={"kind": "cron", "cron": "0 3 * * *", "timezone": "Europe/Berlim"})
    assert fault == (
        "rebuild.schedule.timezone: `Europe/Berlim` is no time zone of the IANA's. Did you mean "
        "Europe/Berlin?"
    )


def test_a_fall_is_of_a_metric_that_is_measured() -> None:
    (unknown,) = said(fall={"agrement": 0.01})
    assert unknown.startswith("rebuild.fall.agrement: ")
    assert "agreement" in unknown
    (negative,) = said(fall={"agreement": -0.01})
    assert "-0.01 is below 0" in negative


def test_a_family_does_not_wait_for_itself() -> None:
    assert said(after=["toy"]) == ["rebuild.after: `toy` would wait for itself. Leave it out."]
