"""What a person sees in Prefect's interface, in a browser, and what it does when they answer.

The pictures of the documentation are taken by these tests when they are told where to put them:

    DESCENT_PICTURES=docs/images python -m pytest tests/flows/test_interface.py
"""

import json
import os
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import UUID

import httpx
import pytest
from prefect.client.schemas.objects import FlowRun

from family.lineage.queries import Lineage
from family.store import Store
from flows.assets import MATERIALISED
from flows.reports import SERVED
from tests.flows.family import changed
from tests.flows.lasting import Lasting, until

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Locator, Page, Response

SIZE: Any = {"width": 1280, "height": 860}
#: Milliseconds that the browser waits for what a page is to show.
PATIENCE = 60_000
GATE = {"bounds": [{"metric": "agreement", "min": 0.6}]}


@dataclass(frozen=True)
class Shown:
    """A family that was rebuilt on a server, and waits for approval."""

    server: Lasting
    store: Path
    config: Path
    build: FlowRun
    waiting: FlowRun

    @property
    def home(self) -> str:
        """The interface that a browser is sent to if it asks for none."""
        return self.server.url.removesuffix("/api") + "/v2"

    def artifacts(self, key: str) -> list[dict[str, Any]]:
        asked = {"artifacts": {"key": {"any_": [key]}}}
        found = httpx.post(f"{self.server.url}/artifacts/filter", json=asked).raise_for_status()
        return list(found.json())

    def logs(self, task: str) -> list[str]:
        """What stands in the log of the newest run of a task."""
        asked = {"task_runs": {"name": {"any_": [task]}}, "sort": "EXPECTED_START_TIME_DESC"}
        run = httpx.post(f"{self.server.url}/task_runs/filter", json=asked).json()[0]["id"]
        return self.said(task_run_id=run)

    def said(self, **by: str) -> list[str]:
        """What stands in the log of a run, as far as it has arrived."""
        asked = {"logs": {of: {"any_": [run]} for of, run in by.items()}, "sort": "TIMESTAMP_ASC"}
        found = httpx.post(f"{self.server.url}/logs/filter", json=asked).json()
        return [one["message"] for one in found]

    def events(self) -> list[dict[str, Any]]:
        asked = {"filter": {"event": {"name": [MATERIALISED]}}, "limit": 50}
        found = httpx.post(f"{self.server.url}/events/filter", json=asked).raise_for_status()
        return [
            one
            for one in found.json()["events"]
            if one["resource"]["prefect.resource.id"].startswith("descent://shown/")
        ]


@pytest.fixture(scope="module")
def shown(
    tmp_path_factory: pytest.TempPathFactory, lasting_server: Lasting, browser: "Browser"
) -> Iterator[Shown]:
    folder = tmp_path_factory.mktemp("shown")
    config, store = folder / "shown.yaml", folder / "store"
    config.write_text(json.dumps({**changed(mini={"gate": GATE}), "family": "shown"}))
    with pytest.MonkeyPatch.context() as patch, ExitStack() as stack:
        patch.setenv(SERVED, "http://reports:8080")
        stack.enter_context(lasting_server.serving(config, store=store))
        started = lasting_server.start("rebuild/shown")
        ended = lasting_server.state(started, "Released", "Failed", "Crashed")
        assert ended.state
        assert ended.state.name == "Released", ended.state.message
        waiting = lasting_server.newest("release")
        lasting_server.state(waiting.id, "Suspended", "Failed")
        yield Shown(lasting_server, store, config, lasting_server.newest("build"), waiting)


@pytest.fixture
def page(browser: "Browser") -> "Iterator[Page]":
    made = browser.new_page(viewport=SIZE)
    made.set_default_timeout(PATIENCE)
    yield made
    made.close()


def see(page: "Page", *texts: str) -> None:
    """Wait until the page shows each of these texts."""
    for text in texts:
        page.get_by_text(text).first.wait_for()


def take(page: "Page", name: str) -> None:
    """Take a picture for the documentation, if pictures are asked for."""
    if folder := os.environ.get("DESCENT_PICTURES"):
        page.wait_for_timeout(3000)  # until what is drawn has come to rest
        page.screenshot(path=Path(folder) / f"{name}.png")


def test_the_run_of_a_build_shows_its_tasks_and_its_tiers_as_sentences(
    shown: Shown, page: "Page"
) -> None:
    page.goto(f"{shown.home}/runs")
    see(page, "Rebuild shown", "Build shown", "Release shown")
    page.goto(f"{shown.home}/runs/flow-run/{shown.build.id}")
    see(page, "Build shown", "Completed")
    take(page, "prefect-build")
    page.get_by_role("tab", name="Task Runs").click()
    see(page, "Let the teacher answer", "Capture what the teacher says")
    page.get_by_role("tab", name="Subflow Runs").click()
    see(page, "Build mini", "Build nano", "Build edge")


def test_the_run_of_a_build_shows_its_scorecard_licences_notes_and_map(
    shown: Shown, page: "Page"
) -> None:
    page.goto(f"{shown.home}/runs/flow-run/{shown.build.id}?tab=Artifacts")
    see(page, "shown-scorecard", "shown-licences", "shown-notes", "shown-map")
    page.goto(f"{shown.home}/artifacts/artifact/{shown.artifacts('shown-map')[0]['id']}")
    picture = page.locator("img[src^='data:image/svg']")
    picture.wait_for()
    assert picture.evaluate("image => image.decode().then(() => image.naturalWidth)") > 400


def test_a_training_shows_its_loss_its_speed_and_its_log(shown: Shown, page: "Page") -> None:
    bar = shown.artifacts("shown-edge-distill")[0]
    page.goto(f"{shown.home}/artifacts/artifact/{bar['id']}")
    see(page, "Distil edge: 2 of 2 steps, loss 0.25", "steps/s", "100%")
    read = until(lambda: [one for one in shown.logs("Distil edge") if "loss" in one])
    assert read == ["loss 0.25, grad norm 1.5, epoch 0.5"]
    assert "toys.py:7: UserWarning: toys are not models" in shown.logs("Distil edge")
    assert not [one for one in shown.logs("Distil edge") if "%|" in one or "warnings.warn" in one]


def test_the_gates_verdicts_and_what_was_stale_are_tables(shown: Shown) -> None:
    gate = shown.artifacts("shown-mini-gate")[0]
    assert json.loads(gate["data"]) == [
        {"bound": "agreement at least 0.6", "measured": "0.7", "verdict": "passed"}
    ]
    stale = json.loads(shown.artifacts("shown-stale")[0]["data"])
    assert {"step": "Distil edge", "why": "never built"} in stale


def test_every_sealed_model_is_an_event_with_its_lineage(shown: Shown) -> None:
    models = until(lambda: found if len(found := shown.events()) >= 16 else None)
    named = {one["resource"]["prefect.resource.id"]: one for one in models}
    assert len(named) == len(models) == 16  # the flagship, and five of each tier
    edge = named["descent://shown/edge/export-int4"]
    lineage = Lineage(Store(shown.store))
    assert edge["payload"]["key"] == lineage.show("shown/edge/int4").key
    assert edge["payload"]["lineage"] == lineage.dossier("shown/edge/int4").lineage
    assert [one["asset"] for one in edge["payload"]["parents"]] == ["descent://shown/edge/distill"]
    roles = [(one["prefect.resource.role"], one["prefect.resource.id"]) for one in edge["related"]]
    assert ("asset", "descent://shown/edge/distill") in roles
    assert [name for role, name in roles if role == "flow-run"]


def test_what_the_spec_refuses_of_a_parameter_is_said_in_its_own_words(
    shown: Shown, page: "Page"
) -> None:
    wrong = {"tiers": {"edge": {"distill": {"tokens": -1}}}}
    started: UUID = shown.server.start("rebuild/shown", changes=wrong)
    failed = shown.server.state(started, "Failed")
    assert failed.state
    said = "tiers.edge.distill.tokens: -1 is out of bounds; it must be at least 1."
    assert failed.state.message == f"{shown.config} has 1 fault:\n  {said}"
    until(lambda: shown.said(flow_run_id=str(started)))  # of an ended run the page asks but once
    page.goto(f"{shown.home}/runs/flow-run/{started}?tab=Logs")
    see(page, said)


def test_the_form_leads_to_one_page_with_all_that_an_approver_needs(
    shown: Shown, page: "Page"
) -> None:
    form = the_form(shown, page)
    take(page, "prefect-approval")
    page.goto(str(form.get_by_role("link").evaluate("link => link.href")))
    see(page, "shown 0.1.0, to be approved.")
    made = shown.artifacts("shown-release-0-1-0")[0]
    page.goto(f"{shown.home}/artifacts/artifact/{made['id']}")
    see(page, "shown 0.1.0 waits for approval", "Scorecard", "No licence blocks it")
    take(page, "prefect-release")
    report = page.get_by_role("link", name="The report").get_attribute("href")
    assert report == "http://reports:8080/shown/report.html"
    page.get_by_role("link", name="The notes").click()
    see(page, "Release notes: shown")


def test_the_form_approves_and_the_run_goes_on(shown: Shown, page: "Page") -> None:
    form = the_form(shown, page)
    form.get_by_label("Select Decision").click()
    page.get_by_role("option", name="approve").click()
    form.get_by_label("By (Optional)").fill("Grace")
    form.get_by_label("Note (Optional)").fill("Read them all.")
    assert pressed(page, form.get_by_role("button", name="Resume")).ok
    shown.server.state(shown.waiting.id, "Promoted")
    made = Lineage(Store(shown.store)).release("shown", "production")
    said = next(one for one in made.decisions if one.kind == "approve")
    assert (made.version, said.by, said.reason) == ("0.1.0", "Grace", "Read them all.")


def pressed(page: "Page", button: "Locator") -> "Response":
    """What the server says to a form that is sent; while it takes over what was typed, it passes
    over a click."""
    from playwright.sync_api import TimeoutError as NothingSaid

    for _ in range(12):
        with suppress(NothingSaid):
            with page.expect_response("**/resume", timeout=5000) as said:
                button.click(timeout=5000)
            return said.value
    raise AssertionError("the form was never sent")


def the_form(shown: Shown, page: "Page") -> "Locator":
    """Open the form of the run that waits."""
    page.goto(f"{shown.home}/runs/flow-run/{shown.waiting.id}")
    page.get_by_role("button", name="Open menu").click()
    page.get_by_role("menuitem", name="Resume").click()
    form = page.get_by_role("dialog")
    form.get_by_label("Note (Optional)").wait_for()
    return form
