"""What people write for the notes, and what is wrong with it."""

from pathlib import Path

import pytest

from family.errors import DescentError
from family.lineage.notes.fragments import read
from family.lineage.notes.span import span
from family.lineage.queries import Lineage


def write(folder: Path, name: str, front: str, text: str = "Text.") -> None:
    (folder / name).write_text(f"---\n{front}\n---\n\n{text}\n", encoding="utf-8")


def names(folder: Path, lineage: Lineage, between: str | None) -> list[str]:
    return [one.file for one in read(folder, *span(lineage, "toy", between))]


def test_a_fragment_says_where_it_stands_and_whom_it_is_about(
    twice: Lineage, tmp_path: Path
) -> None:
    front = "section: Known issues\ntitle: Long emails\ntiers: [mini, nano]"
    write(tmp_path, "long.md", front, "They *end* early.")
    (one,) = read(tmp_path, *span(twice, "toy", "1.1.0"))
    assert (one.file, one.section, one.title) == ("long.md", "Known issues", "Long emails")
    assert (one.tiers, one.text) == (("mini", "nano"), "They *end* early.")


def test_fragments_come_in_their_order_then_by_name(twice: Lineage, tmp_path: Path) -> None:
    write(tmp_path, "b.md", "section: Summary")
    write(tmp_path, "a.md", "section: Summary")
    write(tmp_path, "c.md", "section: Summary\norder: 1")
    (tmp_path / "d.txt").write_text("no fragment")
    assert names(tmp_path, twice, None) == ["c.md", "a.md", "b.md"]


@pytest.mark.parametrize(
    ("front", "there"),
    [
        ("version: 1.0.0", {"1.0.0"}),
        ("version: 1.1.0", {"1.1.0", "1.0.0.."}),
        ("version: 1.2.0", {"1.0.0..", "now"}),
        ("since: 1.0.0", {"1.0.0", "1.1.0", "1.0.0..", "now"}),
        ("since: 1.1.0", {"1.1.0", "1.0.0..", "now"}),
        ("order: 2", {"1.0.0", "1.1.0", "1.0.0..", "now"}),
    ],
)
def test_a_version_tells_which_notes_a_fragment_belongs_to(
    twice: Lineage, tmp_path: Path, front: str, there: set[str]
) -> None:
    write(tmp_path, "one.md", f"section: Summary\n{front}")
    ranges = {"1.0.0": "1.0.0", "1.1.0": "1.1.0", "1.0.0..": "1.0.0..", "now": None}
    assert {name for name, text in ranges.items() if names(tmp_path, twice, text)} == there


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("Text alone.", r"line 1: there is no front matter\. Begin with `---`"),
        ("", r"line 1: there is no front matter"),
        ("---\nsection: A\n\nText.", r"line 1: the front matter does not end\. Write `---`"),
        ("---\n- a\n---\nText.", r"line 2: the front matter is no mapping"),
        ("---\n---\nText.", r"line 2: the front matter is no mapping"),
        ("---\nsection: a: b\n---\nText.", r"line 2: the front matter is no YAML: mapping values"),
        ("---\nsection: A\ntitle: [\n---\nText.", r"line 4: the front matter is no YAML"),
        ("---\ntitle: A\n---\nText.", r"line 1: `section` is missing"),
        ("---\nsection: A\ntier: [x]\n---\nT.", r"line 3: `tier` is unknown; did you mean `tiers`"),
        ("---\nsection: A\ntiers: mini\n---\nT.", r"line 3: `tiers` is `mini`, expected is a list"),
        (
            "---\nsection: A\norder: last\n---\nT.",
            r"line 3: `order` is `last`, expected is a whole",
        ),
        ("---\nsection: 7\n---\nT.", r"line 2: `section` is 7, expected is text; put it in quotes"),
        ("---\nsection: A\nsince: 1.1\n---\nT.", r"line 3: 1\.1 is no semantic version; write"),
        ("---\nsection: A\nsection: B\n---\nT.", r"line 3: `section` stands on line 2 already"),
        (
            "---\nsection: A\nversion: 1.0.0\nsince: 1.0.0\n---\nT.",
            r"line 4: `version` and `since` exclude each other; keep one\.",
        ),
        ("---\nsection: A\n---\n\n", r"line 4: nothing follows the front matter"),
        (
            "---\nsection: A\ntiers: [min]\n---\nT.",
            r"line 3: toy has no tier min\. Did you mean mi",
        ),
        ("---\nsection: A\ntiers: [7b]\n---\nT.", r"line 3: toy has no tier 7b\. There are mini, "),
    ],
)
def test_broken_front_matter_is_told_with_file_line_and_fix(
    twice: Lineage, tmp_path: Path, text: str, said: str
) -> None:
    (tmp_path / "bad.md").write_text(text)
    with pytest.raises(DescentError, match=rf"bad\.md, {said}"):
        read(tmp_path, *span(twice, "toy", "1.1.0"))


def test_a_file_that_is_no_text_is_refused(twice: Lineage, tmp_path: Path) -> None:
    (tmp_path / "bad.md").write_bytes(b"---\n\xff\n---\nT.")
    with pytest.raises(DescentError, match=r"bad\.md, line 1: it is not UTF-8 text"):
        read(tmp_path, *span(twice, "toy", "1.1.0"))


def test_all_faults_are_told_at_once(twice: Lineage, tmp_path: Path) -> None:
    for name in ("a.md", "b.md"):
        (tmp_path / name).write_text("no front matter")
    with pytest.raises(DescentError, match=r"(?s)a\.md, line 1: .*b\.md, line 1: "):
        read(tmp_path, *span(twice, "toy", "1.1.0"))
