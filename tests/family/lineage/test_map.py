"""The map, drawn by matplotlib."""

from itertools import combinations
from pathlib import Path

import pytest

from family.errors import DescentError, NotFoundError
from family.lineage.map import draw, picture, points
from family.lineage.queries import Lineage
from family.lineage.views import Status
from family.store import Store
from tests.family.lineage.hand_built import Family, add_flagship, add_tier


@pytest.fixture(scope="module")
def status(told: Family) -> Status:
    return Lineage(told.store).status("toy")


def test_every_member_and_every_precision_is_a_point(status: Status) -> None:
    found = points(status)
    assert [(point.member, point.precision) for point in found[:4]] == [
        ("flagship", ""),
        ("mini", "fp32"),
        ("mini", "int8"),
        ("mini", "int4"),
    ]
    assert len(found) == 10
    assert found[0].retention == 1
    mini = found[1]
    assert mini.retention == pytest.approx(0.5 / 0.625)
    assert mini.interval == pytest.approx((0.5 / 0.635, 0.5 / 0.615))


def test_a_file_of_another_protocol_is_no_point(status: Status) -> None:
    assert status.flagship
    figure = status.flagship.metrics[0].model_copy(update={"protocol": "another"})
    flagship = status.flagship.model_copy(update={"metrics": (figure,)})
    assert len(points(status.model_copy(update={"flagship": flagship}))) == 1


@pytest.mark.parametrize(("suffix", "mark"), [(".png", b"\x89PNG"), (".svg", b"<?xml")])
def test_the_same_records_draw_the_same_bytes(
    status: Status, tmp_path: Path, suffix: str, mark: bytes
) -> None:
    first, second = tmp_path / f"first{suffix}", tmp_path / f"second{suffix}"
    draw(status, first)
    draw(status, second)
    assert first.read_bytes() == second.read_bytes()
    assert first.read_bytes().startswith(mark)


def test_labels_cover_neither_each_other_nor_the_edge(status: Status) -> None:
    figure = picture(status)
    (axes,) = figure.axes
    boxes = [text.get_window_extent() for text in axes.texts if text.get_text()]
    assert len(boxes) == 10
    assert not any(one.overlaps(other) for one, other in combinations(boxes, 2))
    assert all(axes.bbox.x0 <= box.x0 and box.x1 <= axes.bbox.x1 for box in boxes)


def test_an_arrow_leads_to_each_tier_from_what_it_started_from(status: Status) -> None:
    (axes,) = picture(status).axes
    at = {(point.member, point.precision or "fp32"): point.at for point in points(status)}
    arrows = [(text.xyann, text.xy) for text in axes.texts if not text.get_text()]
    assert arrows == [
        (at["flagship", "fp32"], at["mini", "fp32"]),
        (at["mini", "fp32"], at["nano", "fp32"]),
        (at["nano", "fp32"], at["edge", "fp32"]),
    ]


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
