"""Scenes as PNG, drawn by matplotlib."""

from pathlib import Path

from family.drawing.png import SCALE, figure, save
from family.drawing.scene import Scene, Text
from tests.family.drawing.test_svg import SCENE


def test_the_same_scene_is_the_same_bytes(tmp_path: Path) -> None:
    for name in ("first.png", "second.png"):
        save(SCENE, tmp_path / name)
    first, second = ((tmp_path / name).read_bytes() for name in ("first.png", "second.png"))
    assert first == second
    assert first.startswith(b"\x89PNG")


def test_words_take_no_more_room_than_is_kept_for_them() -> None:
    words = ("mini", "127 MB", "0.585 ms", "quickstart/nano@1a2b3c4d", "WWMM %", "iilltt")
    texts = tuple(
        Text((200, 40 * at + 40), word, size, bold=bold, anchor="middle")
        for at, (word, size, bold) in enumerate(
            (word, size, bold) for word in words for size in (10, 13) for bold in (False, True)
        )
    )
    drawn = figure(Scene(400, 40 * len(texts) + 40, "", texts))
    (axes,) = drawn.axes
    for text, found in zip(texts, axes.texts, strict=True):
        box = found.get_window_extent()
        left, top, right, bottom = text.area
        assert box.width <= SCALE * (right - left) + 1, text.words
        assert box.height <= SCALE * (bottom - top) + 1, text.words
