"""The report: what it holds, and that a browser shows it."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from family.lineage.queries import Lineage
from family.lineage.report import Report, gather, html
from family.release.decide import approve
from family.release.freeze import release
from family.store import Store
from tests.family.lineage.hand_built import Family, add_family, add_flagship, add_tier

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

#: Whether the page has come to rest: it may still be scrolling to what was opened.
STILL = (
    "() => new Promise(done => { const y = scrollY; setTimeout(() => done(y === scrollY), 200) })"
)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    """A family whose nano was made anew since its release."""
    family = Family(Store(tmp_path_factory.mktemp("report") / "store"))
    add_family(family)
    release(family.store, "toy", "1.0.0", by="ada", note="<b>The first</b>")
    approve(family.store, "toy", "1.0.0", by="ada")
    add_tier(family, "nano", 28_000_000, 0.72, parent="mini/distill", turn="again")
    add_tier(family, "edge", 15_000_000, 0.68, parent="nano/distill", teacher="nano/distill")
    family.end()
    return family.store


@pytest.fixture(scope="module")
def report(store: Store) -> Report:
    lineage = Lineage(store)
    return gather(lineage, lineage.status("toy"))


@pytest.fixture(scope="module")
def page(report: Report) -> str:
    return html(report)


def test_the_same_records_give_the_same_bytes(store: Store, page: str) -> None:
    lineage = Lineage(store)
    assert html(gather(lineage, lineage.status("toy"))) == page


def test_it_has_a_card_for_every_model_and_no_id_twice(report: Report, page: str) -> None:
    ids = re.findall(r' id="([^"]+)"', page)
    assert len(ids) == len(set(ids))
    assert {f"model-{node.model}" for node in report.graph.nodes} <= set(ids)
    links = set(re.findall(r'href="#([^"]+)"', page)) - {"closed"}
    assert links <= set(ids)


def test_it_loads_nothing_and_its_policy_forbids_to(page: str) -> None:
    assert "default-src 'none'" in page
    assert not re.search(r"<(img|iframe|object|embed|link rel=\"stylesheet)", page)
    assert not re.search(r"\b(src|srcset)=", page)
    assert "url(" not in page
    assert "@import" not in page


def test_what_people_wrote_is_shown_as_text(page: str) -> None:
    assert "<b>The first</b>" not in page
    assert "&lt;b&gt;The first&lt;/b&gt;" in page


def test_it_tells_a_release_as_it_was(store: Store, report: Report) -> None:
    lineage = Lineage(store)
    first = gather(lineage, lineage.status("toy", "1.0.0"))
    assert {node.name for node in first.graph.nodes} == {node.name for node in report.graph.nodes}
    assert [one.version for one in report.earlier] == ["1.0.0"]
    assert first.earlier == ()
    nano = {tier.tier: tier.parameters for tier in first.status.tiers}["nano"]
    assert nano == 30_000_000
    assert '<span class="version">1.0.0</span>' in html(first)


def test_a_family_that_has_only_begun_has_a_report_too(tmp_path: Path) -> None:
    family = Family(Store(tmp_path / "store"))
    add_flagship(family)
    family.end()
    lineage = Lineage(family.store)
    text = html(gather(lineage, lineage.status()))
    assert 'id="map"' not in text
    assert 'id="training"' not in text
    assert "None was made yet" in text


# ---- in a browser --------------------------------------------------------------------------


@dataclass
class Seen:
    """A page that is shown, and what it did."""

    page: "Page"
    errors: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory, page: str) -> Path:
    found = tmp_path_factory.mktemp("page") / "report.html"
    found.write_text(page)
    return found


@pytest.fixture
def seen(browser: "Browser", path: Path) -> Iterator[Seen]:
    """The report at 1280 pixels; nothing may go wrong, and nothing be asked for."""
    shown = browser.new_page(viewport={"width": 1280, "height": 900}, reduced_motion="reduce")
    found = Seen(shown)
    shown.on("console", lambda said: found.errors.append(said.text))
    shown.on("pageerror", lambda error: found.errors.append(str(error)))
    shown.on("request", lambda request: found.requests.append(request.url))
    shown.goto(path.as_uri())
    yield found
    assert found.errors == []
    assert found.requests == [path.as_uri()]
    shown.close()


def test_the_map_the_graph_and_the_curves_are_drawn(seen: Seen, report: Report) -> None:
    for drawn, marks in (
        ("#map figure svg", ".point"),
        ("#lineage svg", ".node"),
        ("#training svg", ".logged"),
    ):
        box = seen.page.locator(drawn).first.bounding_box()
        assert box
        assert box["width"] > 300
        assert box["height"] > 200
        assert seen.page.locator(f"{drawn} {marks}").count() >= 10
    assert seen.page.locator("#lineage .node").count() == len(report.graph.nodes)
    faint = seen.page.locator("#map .point:not(a)")
    assert faint.count() == 2 * 6  # nano and edge of the release, in three precisions, twice


def test_labels_of_the_map_do_not_overlap_as_the_browser_writes_them(seen: Seen) -> None:
    overlaps = seen.page.evaluate(
        """() => [...document.querySelectorAll("#map figure svg")].flatMap((svg) => {
          const boxes = [...svg.querySelectorAll("text[paint-order]")].map((text) =>
            [text.textContent, text.getBoundingClientRect()]);
          return boxes.flatMap(([one, a], at) => boxes.slice(at + 1).filter(([, b]) =>
            Math.min(a.right, b.right) - Math.max(a.left, b.left) > 1 &&
            Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top) > 4
          ).map(([other]) => `${one} and ${other}`));
        })"""
    )
    assert overlaps == []


def test_pointing_at_a_mark_tells_its_figures(seen: Seen) -> None:
    tip = seen.page.locator("#tip")
    assert tip.is_hidden()
    seen.page.locator("#map a.point").nth(1).hover()
    assert "% of the flagship" in tip.inner_text()
    seen.page.mouse.move(2, 2)
    assert tip.is_hidden()


def test_a_mark_tells_its_figures_to_the_keyboard_too(seen: Seen) -> None:
    seen.page.locator("#map a.point").first.focus()
    assert "MB" in seen.page.locator("#tip").inner_text()


def test_a_click_on_a_model_opens_its_card_and_escape_closes_it(seen: Seen) -> None:
    node = seen.page.locator("#lineage .node", has_text="edge/int4")
    model = node.get_attribute("data-model")
    card = seen.page.locator(f"#model-{model}")
    assert card.is_hidden()
    node.click()
    assert card.is_visible()
    words = card.inner_text()
    for said in (
        "toy/edge/int4",
        "quantized from toy/edge",
        "decode tokens per second",
        "model.onnx",
    ):
        assert said in words
    assert "open" in (node.get_attribute("class") or "").split()
    assert seen.page.locator("#lineage .node.far").count() > 3
    seen.page.wait_for_function(STILL)
    before = seen.page.evaluate("scrollY")
    seen.page.keyboard.press("Escape")
    assert card.is_hidden()
    assert seen.page.locator("#lineage .far").count() == 0
    assert seen.page.evaluate("scrollY") == before
    assert seen.page.evaluate("document.activeElement.dataset.model") == model


def test_a_card_leads_to_the_cards_of_its_parents(seen: Seen) -> None:
    seen.page.locator("#lineage .node", has_text="edge/int4").click()
    seen.page.locator(".card:target a", has_text="quantized from").click()
    assert seen.page.locator(".card:target h2").inner_text() == "toy/edge"
    seen.page.locator(".card:target .close").click()
    assert seen.page.locator(".card:target").count() == 0


@pytest.mark.parametrize("width", [390, 768, 1280])
def test_the_page_never_scrolls_sideways(seen: Seen, width: int) -> None:
    seen.page.set_viewport_size({"width": width, "height": 844})
    wide = "document.documentElement.scrollWidth"
    assert seen.page.evaluate(wide) == width
    seen.page.locator("#lineage .node").first.click()
    assert seen.page.evaluate(wide) == width
    box = seen.page.locator(".card:target").bounding_box()
    assert box
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= width + 0.5


def test_dark_mode_is_dark_and_words_stay_readable(seen: Seen) -> None:
    back = "getComputedStyle(document.body).backgroundColor"
    assert seen.page.evaluate(back) == "rgb(255, 255, 255)"
    seen.page.emulate_media(color_scheme="dark")
    assert seen.page.evaluate(back) == "rgb(20, 24, 31)"
    assert (
        seen.page.evaluate('getComputedStyle(document.querySelector("#map svg text")).fill')
        == "rgb(154, 164, 178)"
    )
    seen.page.emulate_media(media="print")
    assert seen.page.evaluate(back) == "rgb(255, 255, 255)"
    assert seen.page.locator("nav").is_hidden()


def test_it_reads_without_scripts(browser: "Browser", path: Path) -> None:
    shown = browser.new_context(java_script_enabled=False).new_page()
    shown.goto(path.as_uri())
    shown.locator("#lineage .node").first.click()
    assert shown.locator(".card:target").is_visible()
    shown.context.close()
