"""A family on one page of HTML that needs nothing else: the same records give the same bytes.

`gather` reads the index and the store; `html` tells what was gathered.
"""

from base64 import b64encode
from collections.abc import Iterator
from hashlib import sha256
from importlib.resources import files
from pathlib import Path

from pydantic import Field

from family.drawing import svg
from family.drawing.scene import DARK, LIGHT
from family.lineage import curves, pedigree
from family.lineage import map as family_map
from family.lineage.curves import Curve
from family.lineage.graph import Graph
from family.lineage.licences import Licences
from family.lineage.notes import notes
from family.lineage.page.cards import cards
from family.lineage.page.markdown import rendered
from family.lineage.page.parts import licences, stands, tile, trainings
from family.lineage.points import colours
from family.lineage.queries import Lineage
from family.lineage.released import ReleaseView
from family.lineage.scorecard import scorecard
from family.lineage.views import ModelCard, Status, View
from family.lineage.words import millions

SECTIONS = {
    "scorecard": "Scorecard",
    "map": "Map",
    "lineage": "Lineage",
    "training": "Training",
    "licences": "Licences",
    "releases": "Releases",
    "notes": "Notes",
}


class Report(View):
    """All that a report tells of a family, now or in a release."""

    status: Status
    earlier: tuple[Status, ...] = Field(description="What earlier releases had.")
    graph: Graph
    cards: dict[str, ModelCard] = Field(description="Each model of the graph, by its id.")
    curves: tuple[Curve, ...]
    licences: dict[str, Licences] = Field(description="By the tier that they reach.")
    releases: tuple[ReleaseView, ...]
    notes: str = Field(description="Markdown.")

    @property
    def waived(self) -> frozenset[str]:
        """The duties that somebody let go, if this is a release."""
        own = (one.waived for one in self.releases if one.version == self.status.version)
        return next(own, frozenset())


def gather(lineage: Lineage, status: Status) -> Report:
    """What is recorded about a family, now or in a release."""
    graph = lineage.pedigree(status)
    cards = {node.model: lineage.show(node.model) for node in graph.nodes}
    return Report(
        status=status,
        earlier=lineage.earlier(status),
        graph=graph,
        cards=cards,
        curves=tuple(_curves(status, cards)),
        licences={tier.tier: lineage.licences(tier.model) for tier in status.tiers},
        releases=lineage.releases(status.family),
        notes=notes(lineage, status),
    )


def _curves(status: Status, cards: dict[str, ModelCard]) -> Iterator[Curve]:
    """Of each tier that logged its training; a model whose files were swept has none."""
    for tier in status.tiers:
        for file in cards[tier.model].files:
            path = Path(file.path)
            if path.name == curves.HISTORY and path.exists():
                yield Curve(tier=tier.tier, logged=curves.read(path))


# ---- the page ------------------------------------------------------------------------------


def html(report: Report) -> str:
    """The page. It loads nothing: a policy in it forbids that."""
    from jinja2 import Environment, PackageLoader, StrictUndefined
    from markupsafe import Markup

    status, script = report.status, _part("report.js")
    tints = colours(status)
    panels = family_map.panels(status, report.earlier, links=True)
    legend = family_map.legend(status, report.earlier)
    graph = pedigree.picture(report.graph, links=True)
    learnt = [curves.picture(report.curves, tints)] if report.curves else []
    terms = list(licences(report.licences, report.waived))
    shown = {"map": panels, "training": learnt, "licences": terms}
    environment = Environment(
        loader=PackageLoader("family.lineage", "page"), autoescape=True, undefined=StrictUndefined
    )
    return environment.get_template("report.html.j2").render(
        status=status,
        lead=_lead(status),
        sections={id: title for id, title in SECTIONS.items() if shown.get(id, True)},
        tiles=[tile(member, tints[member.tier]) for member in status.members],
        scorecard=scorecard(status),
        about_map=family_map.about(status),
        panels=[(panel.title, Markup(svg.inline(panel))) for panel in panels],
        legend=Markup(svg.inline(legend)),
        graph=Markup(svg.inline(graph)),
        curves=[Markup(svg.inline(picture)) for picture in learnt],
        trainings=list(trainings(status, report.cards, tints)),
        licences=terms,
        remarks=dict.fromkeys(found.remark for found in report.licences.values()),
        releases=report.releases,
        stands=stands,
        notes=rendered(report.notes, deeper=2),
        cards=list(cards(report.cards, report.graph)),
        light=LIGHT,
        dark=DARK,
        style=Markup(_part("report.css")),
        script=Markup(script),
        script_digest=b64encode(sha256(script.encode()).digest()).decode(),
    )


def _part(name: str) -> str:
    return (files("family.lineage") / "page" / name).read_text()


def _lead(status: Status) -> str:
    models = f"{len(status.tiers)} model" + "s" * (len(status.tiers) != 1)
    if not status.flagship:
        return f"{models}."
    size = millions(status.flagship.parameters)
    words = (models, "descended from", status.flagship.title)
    return f"{' '.join(words)}, {size} parameters, {status.flagship.licence}."
