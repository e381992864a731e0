"""Labels, each put where it covers least."""

from family.drawing.labels import settle, shared, spot
from family.drawing.scene import Text

WITHIN = (0.0, 0.0, 200.0, 200.0)


def test_a_label_stays_near_and_covers_no_mark() -> None:
    placed, area = settle([Text((0, 0), "mini")], (100, 100), [spot((100, 100), 6)], [], WITHIN)
    assert shared(area, spot((100, 100), 6)) == 0
    assert abs(placed[0].at[1] - 100) < 30


def test_a_label_goes_where_nothing_else_is() -> None:
    above = (0.0, 0.0, 200.0, 94.0)
    _, area = settle([Text((0, 0), "mini")], (100, 100), [spot((100, 100), 5), above], [], WITHIN)
    assert shared(area, above) == 0


def test_a_label_at_the_edge_stays_inside() -> None:
    _, (left, top, right, bottom) = settle(
        [Text((0, 0), "flagship", bold=True), Text((0, 0), "542 MB")], (198, 2), [], [], WITHIN
    )
    assert left >= 0
    assert top >= 0
    assert right <= 200
    assert bottom <= 200


def test_a_label_rather_covers_a_line_than_another_label() -> None:
    line, label = (0.0, 0.0, 200.0, 96.0), (0.0, 97.0, 200.0, 200.0)
    _, area = settle([Text((0, 0), "mini")], (100, 96), [line], [label], WITHIN)
    assert shared(area, line) > 0
    assert shared(area, label) == 0
