"""Scenes as SVG."""

from xml.etree import ElementTree

from family.drawing.scene import INK, Box, Group, Path, Scene, Text
from family.drawing.svg import document, inline

SCENE = Scene(
    100,
    50,
    "Two <words>",
    (
        Path(((0, 0), (10.123456, 5)), stroke=INK, dash=(2, 1)),
        Group(
            (Box((1, 2, 11, 22), 3, fill="tier-1"), Text((5, 6), "a & b", halo=True)),
            "node",
            "#model-1",
            'says "this"\nand that',
            {"model": "1"},
        ),
    ),
)
SVG = "{http://www.w3.org/2000/svg}"


def test_the_same_scene_is_the_same_text() -> None:
    assert document(SCENE) == document(SCENE)


def test_words_and_attributes_are_escaped_and_come_back_whole() -> None:
    root = ElementTree.fromstring(document(SCENE))
    assert root.get("aria-label") == "Two <words>"
    link = root.find(f"{SVG}a")
    assert link is not None
    assert link.get("href") == "#model-1"
    assert link.get("data-model") == "1"
    assert link.get("data-says", "").split() == ["says", '"this"', "and", "that"]
    words = link.find(f"{SVG}text")
    assert words is not None
    assert words.text == "a & b"


def test_a_colour_is_an_attribute_for_a_file_and_a_class_for_a_page() -> None:
    text = inline(SCENE)
    assert 'class="fill-tier-1" fill="#0b6e99"' in text
    assert 'd="M0 0L10.12 5"' in text


def test_a_file_has_paper_and_a_size_and_a_part_of_a_page_has_neither() -> None:
    assert 'width="100" height="50" role' in document(SCENE)
    assert document(SCENE).count("<rect") == 2
    assert inline(SCENE).count("<rect") == 1
