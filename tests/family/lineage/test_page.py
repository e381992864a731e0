"""Markdown as HTML for a page."""

from family.lineage.page.markdown import rendered


def test_html_in_a_text_is_shown_as_text() -> None:
    found = rendered("Look: <script>alert(1)</script> & more")
    assert "<script>" not in found
    assert "&lt;script&gt;" in found


def test_headings_go_deeper_but_not_beyond_the_sixth() -> None:
    assert rendered("# One\n\n##### Five", deeper=2).split("\n")[:2] == [
        "<h3>One</h3>",
        "<h6>Five</h6>",
    ]
    assert rendered("# One") == "<h1>One</h1>\n"


def test_a_table_scrolls_by_itself() -> None:
    found = rendered("| a | b |\n| --- | ---: |\n| 1 | 2 |")
    assert found.startswith('<div class="scroll" role="region"')
    assert found.rstrip().endswith("</table></div>")


def test_a_picture_from_elsewhere_is_not_loaded_and_a_link_runs_no_script() -> None:
    assert "<img" not in rendered("![logo](https://example.org/logo.png)")
    assert "href" not in rendered("[here](javascript:alert(1))")
