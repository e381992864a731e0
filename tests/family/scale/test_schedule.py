"""Two lanes, one step at a time in each."""

from family.scale.schedule import Task, critical_path, simulate


def test_steps_of_one_lane_follow_one_another() -> None:
    slots = simulate([Task("a", "devices", 3), Task("b", "devices", 2)])
    assert sorted((slot.start, slot.end) for slot in slots.values()) == [(0, 3), (3, 5)]


def test_a_tier_is_exported_while_the_next_one_is_distilled() -> None:
    slots = simulate(
        [
            Task("mini", "devices", 10),
            Task("mini/export", "host", 4, ("mini",)),
            Task("nano", "devices", 5, ("mini",)),
        ]
    )
    assert slots["mini/export"].start == slots["nano"].start == 10
    assert slots["nano"].end == 15
    assert critical_path(slots) == ("mini", "nano")


def test_of_two_that_could_start_the_one_with_more_behind_it_does() -> None:
    slots = simulate(
        [
            Task("mini", "devices", 10),
            Task("mini/export", "host", 4, ("mini",)),
            Task("nano/start", "host", 1, ("mini",)),
            Task("nano", "devices", 5, ("nano/start",)),
        ]
    )
    assert slots["nano/start"].start == 10
    assert slots["mini/export"].start == 11
    assert critical_path(slots) == ("mini", "nano/start", "nano")


def test_nothing_starts_before_what_it_needs() -> None:
    tasks = [
        Task(f"{tier}/{step}", "host" if step % 2 else "devices", 1 + step, needs)
        for tier in range(4)
        for step, needs in enumerate([(), (f"{tier}/0",), (f"{tier}/1", f"{tier}/0")])
    ]
    slots = simulate(tasks)
    assert all(slots[need].end <= slots[task.id].start for task in tasks for need in task.needs)


def test_no_steps_make_an_empty_schedule() -> None:
    assert simulate([]) == {}
    assert critical_path({}) == ()
