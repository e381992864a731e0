"""Notes in Markdown as HTML that is safe in a page."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from markupsafe import Markup


def rendered(text: str, deeper: int = 0) -> "Markup":
    """HTML of a Markdown text, whose headings go so many levels `deeper`.

    HTML in the text is shown as text, and images as links; wide tables scroll by themselves."""
    from markdown_it import MarkdownIt
    from markupsafe import Markup

    parser = MarkdownIt("commonmark", {"html": False}).enable("table").disable("image")
    tokens = parser.parse(text)
    for token in tokens:
        if token.type in ("heading_open", "heading_close"):
            token.tag = f"h{min(6, int(token.tag[1]) + deeper)}"
    found = parser.renderer.render(tokens, parser.options, {})
    opening = '<div class="scroll" role="region" aria-label="Table" tabindex="0"><table>'
    return Markup(found.replace("<table>", opening).replace("</table>", "</table></div>"))
