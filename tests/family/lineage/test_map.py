"""The map: what it shows, and how it is drawn."""

from dataclasses import asdict
from itertools import combinations
from pathlib import Path

import pytest

from family.drawing.scene import Group, texts
from family.errors import DescentError, NotFoundError
from family.lineage.map import PLOT, draw, legend, panels, picture
from family.lineage.points import origins, points
from family.lineage.queries import Lineage
from family.lineage.views import Measured, Status
from family.store import Store
from tests.family.lineage.hand_built import Family, add_flagship, add_tier


@pytest.fixture(scope="module")
def status(told: Family) -> Status:
    return Lineage(told.store).status("toy")


def worse(status: Status, by: float, version: str) -> Status:
    """The family as an earlier release had it: other files, with so many times the bits."""

    def changed(measured: Measured) -> dict[str, object]:
        bits = measured.figure("bits_per_byte")
        assert bits
        assert bits.interval
        low, high = bits.interval
        grown = bits.model_copy(
            update={"value": bits.value * by, "interval": (low * by, high * by)}
        )
        rest = (figure for figure in measured.metrics if figure is not bits)
        return {"metrics": (grown, *rest)}

    tiers = tuple(
        tier.model_copy(
            update={
                "files": tuple(
                    file.model_copy(update={**changed(file), "model": f"{version}{file.model[5:]}"})
                    for file in tier.files
                )
            }
        )
        for tier in status.tiers
    )
    return status.model_copy(update={"tiers": tiers, "version": version})


def test_every_member_and_every_precision_is_a_point(status: Status) -> None:
    found = points(status)
    assert [(point.member, point.precision) for point in found[:4]] == [
        ("flagship", "fp32"),
        ("mini", "fp32"),
        ("mini", "int8"),
        ("mini", "int4"),
    ]
    assert len(found) == 10
    assert (found[0].retention, found[0].interval) == (1, (1, 1))
    assert found[0].milliseconds is None
    mini = found[1]
    assert mini.retention == pytest.approx(0.5 / 0.625)
    assert mini.interval == pytest.approx((0.5 / 0.635, 0.5 / 0.615))
    assert mini.milliseconds == pytest.approx(1000 / (60 * 134_500_000 / 61_000_000))


def test_a_file_of_another_protocol_is_no_point(status: Status) -> None:
    assert status.flagship
    figure = status.flagship.metrics[0].model_copy(update={"protocol": "another"})
    flagship = status.flagship.model_copy(update={"metrics": (figure,)})
    assert points(status.model_copy(update={"flagship": flagship})) == []


def test_earlier_releases_are_measured_against_the_flagship_of_now(status: Status) -> None:
    found = points(status, [worse(status, 1.25, "1.0.0")])
    assert [point.release for point in found] == [None] * 10 + ["1.0.0"] * 9
    assert found[10].retention == pytest.approx(0.8 * found[1].retention)


def test_what_an_earlier_release_still_shares_with_now_is_drawn_once(status: Status) -> None:
    same = status.model_copy(update={"version": "1.1.0"})

    def faint(*earlier: Status) -> list[str]:
        words = [text.words for text in texts(legend(status, earlier).shapes)]
        return [one for one in words if "faint" in one]

    assert faint(worse(status, 1.1, "1.0.0"), same) == ["faint: 1.0.0"]
    assert faint(same) == []
