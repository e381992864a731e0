"""Notes as text: Markdown by the shipped template or by a team's, and HTML."""

import re
import subprocess
from pathlib import Path

import pytest

from family import ledger
from family.errors import DescentError
from family.lineage.notes import notes as notes_of
from family.lineage.notes import render
from family.lineage.notes.data import Fragment, Notes
from family.lineage.notes.gather import gather
from family.lineage.notes.span import span
from family.lineage.queries import Lineage
from family.lineage.record import reindex
from family.store import Store
from tests.family.lineage.hand_built import Family, add_family, add_flagship, add_tier


@pytest.fixture(scope="module")
def notes(twice: Lineage) -> Notes:
    return gather(twice, *span(twice, "toy", "1.0.0..1.1.0"))


@pytest.fixture(scope="module")
def text(notes: Notes) -> str:
    return render.markdown(notes)


@pytest.fixture(scope="module")
def first(told: Family) -> str:
    """Of a family that was never released."""
    lineage = Lineage(told.store)
    return notes_of(lineage, lineage.status("toy"))


def headings(text: str) -> list[str]:
    return re.findall(r"^## (.*)$", text, re.MULTILINE)


def part(text: str, heading: str) -> str:
    return text.split(f"\n## {heading}\n")[1].split("\n## ")[0]


# ---- what the shipped template says --------------------------------------------------------


def test_every_section_is_one_of_the_known_in_their_order(text: str, first: str) -> None:
    assert headings(text) == list(render.SECTIONS)
    assert headings(first) == [
        one
        for one in render.SECTIONS
        if one not in ("Regressions", "Improvements", "What changed and why", "Decisions")
    ]


def test_the_summary_says_what_it_is_and_whether_it_is_better(text: str) -> None:
    summary = part(text, "Summary")
    assert summary.startswith("\nA smaller nano | for now.\n\n1.1.0 is a minor release, made on 20")
    assert "by Ada. Approved by Grace on 20" in summary
    assert "3 models, descended from SmolLM2-135M-Instruct (134.5 M parameters)." in summary
    assert (
        "Against 1.0.0: **4 regressions**, 4 improvements. nano and edge are made anew. "
        "mini is the same." in summary
    )
    assert "Licences: **2 duties** are unmet or forbidden; 1 of them waived." in summary
    assert (
        "- **mini**: 61.0 M parameters; agreement with the flagship 0.750 (0.740 to 0.760); "
        "retention 0.800 (0.790 to 0.810); int4 takes 0.0384 MB and decodes 419 tokens/s; "
        "gate passed." in summary
    )


def test_a_family_that_was_never_released_says_so(first: str) -> None:
    assert first.startswith(
        "# Release notes: toy\n\n## Summary\n\nThe family as it is now; this is no release.\n"
    )


def test_regressions_say_from_where_to_where_and_what_counts(text: str) -> None:
    found = part(text, "Regressions")
    assert (
        "- **nano**: agreement fell from 0.690 (0.680 to 0.700) to 0.600 (0.590 to 0.610) "
        "(-0.090)." in found
    )
    assert "files that grew by more than 2 %; a speed that fell by more than 10 %;" in found


def test_tables_show_the_change_beside_each_figure(text: str) -> None:
    assert (
        "| nano | 30.0 M | 0.700 (0.690 to 0.710) | +0.045, **worse** "
        "| 0.600 (0.590 to 0.610) | -0.090, **worse** |" in part(text, "Models")
    )
    found = part(text, "Files and speed")
    assert "| edge/int4 | 0.00947 | as before | 1,704 | as before |" in found


def test_what_changed_is_told_by_tier_with_the_edges_that_moved(text: str) -> None:
    assert part(text, "What changed and why") == (
        "\nFor nano and edge:\n"
        "- nano · start: `turn` 30000000 → 30000000 again\n\n"
        "For edge:\n"
        "- edge · distill: its teacher: toy/nano@{nano} → toy/mini\n\nWhat moved with it:\n"
        "- **edge**: distilled from mini, before from nano\n"
    ).format(nano=re.findall(r"toy/nano@([0-9a-f]{8})", text)[0])


def test_edges_are_told_in_words(first: str) -> None:
    assert (
        "pruned from mini (layers 0,1); distilled from flagship over 200,000 tokens with "
        "forward_kl (final loss 0.84, steps 195); taught on text that flagship wrote (samples 320)."
        in first
    )
    assert "quantized from edge." in first


def test_energy_is_summed_where_it_was_recorded(text: str, first: str) -> None:
    assert "9 seconds in all, 6 of them anew; 180 joules." in text
    assert "9 seconds in all; energy was not recorded." in first


def test_a_waiver_stands_beside_its_duty(text: str) -> None:
    found = part(text, "Licences")
    row = next(line for line in found.splitlines() if "`Apache-2.0/licence-text`" in line)
    assert re.search(r"\| unmet; \*\*waived\*\* by Grace on \d{4}-\d\d-\d\d: in the app \|$", row)
    assert "This is no legal advice" in found


def test_the_listed_digests_of_a_release_are_those_of_what_it_hands_out(
    twice: Lineage, text: str, tmp_path: Path
) -> None:
    folder = ledger.release_folder(twice.store, "toy", "1.1.0")
    assert "releases/toy/1.1.0" in text
    assert checked(text, folder, tmp_path) == 27


def test_the_listed_digests_of_a_family_are_those_of_the_store(
    told: Family, first: str, tmp_path: Path
) -> None:
    assert checked(first, told.store.root, tmp_path) == 27


def checked(text: str, folder: Path, tmp_path: Path) -> int:
    sums = tmp_path / "SHA256SUMS"
    sums.write_text(text.split("```")[1].lstrip())
    done = subprocess.run(
        ["sha256sum", "--check", "--strict", str(sums)],
        cwd=folder,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.count(": OK")


def test_the_same_records_give_the_same_bytes(first: str, text: str, twice: Lineage) -> None:
    reindex(twice.store)
    assert render.markdown(gather(twice, *span(twice, "toy", "1.0.0..1.1.0"))) == text


def test_another_store_of_the_same_records_gives_the_same_bytes(first: str, tmp_path: Path) -> None:
    elsewhere = Family(Store(tmp_path / "elsewhere"))
    add_family(elsewhere)
    lineage = Lineage(elsewhere.store)
    assert notes_of(lineage, lineage.status()) == first


def test_a_missed_bound_says_by_how_much(store: Store) -> None:
    family = Family(store)
    add_flagship(family)
    add_tier(family, "mini", 61_000_000, 0.55, passes=False)
    lineage = Lineage(store)
    found = notes_of(lineage, lineage.status())
    assert "| mini | agreement at least | 0.6 | 0.55 | missed by 0.05 |" in found
    assert "gate **missed**." in found


def test_a_tier_without_a_verdict_is_said_to_be_unjudged(store: Store) -> None:
    family = Family(store)
    add_flagship(family)
    add_tier(family, "mini", 61_000_000, 0.75)
    del family.heads["mini/gate"]
    family.end()
    lineage = Lineage(store)
    assert "**mini** was not judged." in notes_of(lineage, lineage.status())


# ---- fragments -----------------------------------------------------------------------------


def fragment(section: str, text: str = "By hand.", title: str | None = None) -> Fragment:
    return Fragment(file="one.md", section=section, title=title, tiers=("mini", "edge"), text=text)


def test_a_fragment_stands_at_the_end_of_its_section(notes: Notes) -> None:
    found = render.markdown(notes.model_copy(update={"fragments": (fragment("Gates"),)}))
    assert part(found, "Gates").endswith("| met |\n\n**mini and edge:** By hand.\n")


def test_a_heading_of_its_own_comes_after_the_improvements(notes: Notes) -> None:
    own = fragment("Known issues", "```\na\n\n\n\nb\n```", "Long emails")
    found = render.markdown(notes.model_copy(update={"fragments": (own,)}))
    place = headings(found).index("Known issues")
    assert headings(found)[place - 1 : place + 2] == ["Improvements", "Known issues", "Models"]
    assert part(found, "Known issues") == (
        "\n### Long emails (mini and edge)\n\n```\na\n\n\n\nb\n```\n"
    )


def test_a_fragment_brings_a_section_that_had_nothing_to_say(told: Family) -> None:
    lineage = Lineage(told.store)
    after, before = span(lineage, "toy")
    found = gather(lineage, after, before, fragments=[fragment("Regressions")])
    assert part(render.markdown(found), "Regressions") == "\n**mini and edge:** By hand.\n"


# ---- templates of a team -------------------------------------------------------------------


def by(template: str, notes: Notes, folder: Path) -> str:
    path = folder / "ours.j2"
    path.write_text(template)
    return render.markdown(notes, path)


def test_a_team_may_replace_the_template(notes: Notes, tmp_path: Path) -> None:
    template = (
        "{% for tier in notes.tiers %}\n{{ tier.tier }}: {{ tier.parameters|millions }}\n"
        "{% endfor %}\n"
    )
    assert by(template, notes, tmp_path) == "mini: 61.0 M\nnano: 30.0 M\nedge: 15.0 M\n"


def test_a_team_may_replace_one_block_of_the_shipped_template(
    notes: Notes, text: str, tmp_path: Path
) -> None:
    found = by(
        '{% extends "descent/notes.md.j2" %}{% block gates %}{% call section("Gates") %}All met.'
        "{% endcall %}{% endblock %}",
        notes,
        tmp_path,
    )
    assert part(found, "Gates") == "\nAll met.\n"
    assert headings(found) == headings(text)


def test_the_printed_template_is_the_shipped_one(notes: Notes, text: str, tmp_path: Path) -> None:
    assert by(render.shipped(), notes, tmp_path) == text


@pytest.mark.parametrize(
    ("template", "said"),
    [
        ("# A\n{{ notes.tierz }}", r"line 2: the template failed: '.*' has no attribute 'tierz'\."),
        ("{{ nothing }}", r"line 1: the template failed: 'nothing' is undefined"),
        ("\n\n{% for x in %}", r"line 3: the template failed: Expected an expression"),
        ("{{ notes|shout }}", r"line 1: the template failed: No filter named 'shout'"),
        ("a\n{{ 1 // 0 }}", r"line 2: the template failed: ZeroDivisionError"),
        ("{% include 'gone.j2' %}", r"line 1: the template failed: there is no template gone\.j2"),
        ("{{ notes.__class__.__mro__ }}", r"line 1: the template failed: SecurityError: access to"),
        ("{{ before.tier }}", r"line 1: the template failed: 'before' is undefined"),
    ],
)
def test_a_template_that_raises_is_told_with_file_line_and_what_failed(
    notes: Notes, tmp_path: Path, template: str, said: str
) -> None:
    with pytest.raises(DescentError, match=rf"ours\.j2, {said}"):
        by(template, notes, tmp_path)


def test_a_fault_in_an_included_template_is_told_of_that_one(notes: Notes, tmp_path: Path) -> None:
    (tmp_path / "part.j2").write_text("\n{{ 1 / 0 }}")
    with pytest.raises(DescentError, match=r"part\.j2, line 2: the template failed: ZeroDivision"):
        by("{% include 'part.j2' %}", notes, tmp_path)


def test_a_template_may_not_lose_what_somebody_wrote(notes: Notes, tmp_path: Path) -> None:
    written = notes.model_copy(update={"fragments": (fragment("Gates"),)})
    with pytest.raises(
        DescentError, match=r"ours\.j2 has no place for one\.md, whose section is G"
    ):
        by("# Short", written, tmp_path)


# ---- HTML ----------------------------------------------------------------------------------


def test_the_page_loads_nothing_and_shows_html_as_text(notes: Notes) -> None:
    hostile = fragment("Gates", "<script>alert(1)</script> ![x](https://example.org/x.png)")
    found = render.markdown(notes.model_copy(update={"fragments": (hostile,)}))
    page = render.html(found, render.title(notes))
    assert "<title>Release notes: toy 1.1.0</title>" in page
    assert "&lt;script&gt;" in page
    assert not re.search(r"<(script|link|img|iframe)|src=|url\(", page)
    assert page.count("<table>") == page.count("</table>") == 8
