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
    same = status.model_copy(update={"version": "1.0.0"})
    assert points(status, [same]) == points(status)


@pytest.mark.parametrize(("suffix", "mark"), [(".png", b"\x89PNG"), (".svg", b"<svg")])
def test_the_same_records_draw_the_same_bytes(
    status: Status, tmp_path: Path, suffix: str, mark: bytes
) -> None:
    first, second = tmp_path / f"first{suffix}", tmp_path / f"second{suffix}"
    draw(status, first)
    draw(status, second)
    assert first.read_bytes() == second.read_bytes()
    assert first.read_bytes().startswith(mark)


@pytest.mark.parametrize("releases", [0, 1])
def test_labels_cover_neither_each_other_nor_the_edge(status: Status, releases: int) -> None:
    earlier = [worse(status, 1.25, "1.0.0")][:releases]
    for panel, count in zip(panels(status, earlier), (10 + 4, 9 + 3), strict=True):
        labels = [text for text in texts(panel.shapes) if text.halo]
        assert len(labels) == count
        for one, other in combinations(labels, 2):
            (l0, t0, r0, b0), (l1, t1, r1, b1) = one.area, other.area
            apart = r0 <= l1 or r1 <= l0 or b0 <= t1 or b1 <= t0
            assert apart or one.at[0] == other.at[0], (one, other)  # two lines of one label
        assert min(text.area[0] for text in labels) >= PLOT[0]
        assert max(text.area[2] for text in labels) <= PLOT[2]


def test_a_mark_says_its_figures_and_leads_to_its_model_where_a_page_has_it(
    status: Status,
) -> None:
    size, pace = panels(status, links=True)
    marks = [shape for shape in size.shapes if isinstance(shape, Group)]
    assert len(marks) == 10
    assert marks[1].says.splitlines()[:2] == [
        "mini fp32",
        "80.0 % of the flagship (78.7 to 81.3 %)",
    ]
    assert marks[1].href == f"#model-{points(status)[1].model}"
    assert sum(isinstance(shape, Group) for shape in pace.shapes) == 9
    assert all(not shape.href for shape in panels(status)[0].shapes if isinstance(shape, Group))


def test_a_tier_came_from_what_it_started_from_and_from_its_teacher(status: Status) -> None:
    found = {tier.tier: origins(tier, status) for tier in status.tiers}
    assert found == {
        "mini": [("flagship", False), ("flagship", True)],
        "nano": [("mini", False), ("flagship", True)],
        "edge": [("nano", False), ("nano", True)],
    }


def test_a_family_that_was_not_timed_has_one_panel(status: Status) -> None:
    def untimed(measured: Measured) -> dict[str, object]:
        figures = measured.metrics
        return {"metrics": tuple(one for one in figures if one.name == "bits_per_byte")}

    tiers = [
        tier.model_copy(
            update={"files": tuple(one.model_copy(update=untimed(one)) for one in tier.files)}
        )
        for tier in status.tiers
    ]
    found = panels(status.model_copy(update={"tiers": tuple(tiers)}))
    assert [panel.title for panel in found] == ["Quality against size"]


def test_a_model_that_is_better_than_its_flagship_stays_inside(status: Status) -> None:
    better = worse(status, 0.5, "2.0.0")
    for panel in panels(better):
        labels = [text for text in texts(panel.shapes) if text.halo]
        assert min(text.area[1] for text in labels) >= PLOT[1]


def test_a_point_is_plain_data(status: Status) -> None:
    assert set(asdict(points(status)[0])) == {
        "member",
        "precision",
        "name",
        "model",
        "release",
        "megabytes",
        "milliseconds",
        "retention",
        "interval",
    }


def test_another_kind_of_file_is_refused(status: Status, tmp_path: Path) -> None:
    with pytest.raises(DescentError, match=r"map\.pdf: a map is a \.png or \.svg file"):
        draw(status, tmp_path / "map.pdf")


def test_a_family_without_scored_files_has_no_map(store: Store, tmp_path: Path) -> None:
    family = Family(store)
    add_flagship(family)
    with pytest.raises(NotFoundError, match="toy: no exported file was scored yet"):
        draw(Lineage(store).status(), tmp_path / "map.png")
    add_tier(family, "mini", 61_000_000, 0.75)
    draw(Lineage(store).status(), tmp_path / "map.png")
    assert picture(Lineage(store).status()).title == "Map of toy"


def test_the_legend_names_the_earlier_releases_that_are_drawn_and_no_others(status: Status) -> None:
    same = status.model_copy(update={"version": "1.1.0"})

    def faint(*earlier: Status) -> list[str]:
        words = [text.words for text in texts(legend(status, earlier).shapes)]
        return [one for one in words if "faint" in one]

    assert faint(worse(status, 1.1, "1.0.0"), same) == ["faint: 1.0.0"]
    assert faint(same) == []
