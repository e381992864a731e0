"""When each step of a build ran, from the manifests alone."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from pathlib import Path

from pydantic import Field

from family.drawing import png, svg
from family.drawing.axes import Scale
from family.drawing.scene import INK, LINE, MUTED, TIERS, Box, Group, Scene, Shape, Text, width_of
from family.drawing.scene import Path as Stroke
from family.errors import DescentError, NotFoundError
from family.lineage.views import View
from family.store import Manifest, Store

#: So long without any work, and what follows is another build.
PAUSE = timedelta(minutes=15)

ROW, LEFT, WIDE, SIZE = 20.0, 12.0, 640.0, 11.0


class Span(View):
    """When one step ran."""

    tier: str = Field(description="Empty for what all tiers share.")
    step: str
    key: str
    begin: float = Field(description="Seconds since the first step began.")
    seconds: float

    @property
    def end(self) -> float:
        return self.begin + self.seconds


class Timeline(View):
    """One build: what was reused in it is left out."""

    family: str
    started: str = Field(description="UTC, ISO 8601.")
    wall: float = Field(description="Seconds from the first step's begin to the last one's end.")
    work: float = Field(description="Seconds of all steps: the wall time, were none side by side.")
    longest: float = Field(
        description="Seconds of the longest chain of steps of which each needs the one before: the "
        "least wall time that there could be."
    )
    spans: tuple[Span, ...]


def timeline(store: Store, family: str) -> Timeline:
    """The last build of a family. NotFoundError if the store has none."""
    found = [store.manifest(key) for key in store.head(family).values()]
    if not (there := [one for one in found if one]):
        known = ", ".join(store.families()) or "none"
        raise NotFoundError(f"{store.root}: there is no family {family}. Families here: {known}.")
    return timeline_of(family, last_build(there))


def last_build(manifests: Iterable[Manifest]) -> list[Manifest]:
    """Of what was made, that which no pause divides from the newest."""
    ordered = sorted(manifests, key=_began)
    first, end = 0, _began(ordered[0])
    for at, one in enumerate(ordered):
        if _began(one) > end + PAUSE:
            first = at
        end = max(end, _ended(one))
    return ordered[first:]


def timeline_of(family: str, manifests: Iterable[Manifest]) -> Timeline:
    """What these artifacts' origins tell; there is at least one."""
    ordered = sorted(manifests, key=lambda one: (_began(one), one.key))
    start = _began(ordered[0])
    longest: dict[str, float] = {}
    for one in ordered:  # whatever it needs was made before
        before = (longest.get(key, 0.0) for key in one.recipe["inputs"].values())
        longest[one.key] = one.origin.seconds + max(before, default=0.0)
    return Timeline(
        family=family,
        started=ordered[0].origin.started,
        wall=max((_ended(one) - start).total_seconds() for one in ordered),
        work=sum(one.origin.seconds for one in ordered),
        longest=max(longest.values()),
        spans=tuple(
            Span(
                tier=one.origin.tier,
                step=one.origin.step,
                key=one.key,
                begin=(_began(one) - start).total_seconds(),
                seconds=one.origin.seconds,
            )
            for one in ordered
        ),
    )


def _began(manifest: Manifest) -> datetime:
    return datetime.fromisoformat(manifest.origin.started)


def _ended(manifest: Manifest) -> datetime:
    return _began(manifest) + timedelta(seconds=manifest.origin.seconds)


# ---- the chart -----------------------------------------------------------------------------


def draw(found: Timeline, path: Path) -> None:
    """Write the chart as PNG or SVG, by the ending of `path`."""
    if path.suffix not in (".png", ".svg"):
        raise DescentError(f"{path}: a timeline is drawn as .png or .svg; end its name so.")
    scene = chart(found)
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".svg":
        path.write_text(svg.document(scene))
    else:
        png.save(scene, path)


def chart(found: Timeline) -> Scene:
    """A bar for each step against time, a colour for each tier."""
    tiers = list(dict.fromkeys(span.tier for span in found.spans if span.tier))
    colours = {"": MUTED} | {tier: TIERS[at % len(TIERS)] for at, tier in enumerate(tiers)}
    titles = [f"{span.tier or 'family'} · {span.step.replace(':', ' ')}" for span in found.spans]
    left = LEFT + max(width_of(title, SIZE) for title in titles) + 8
    top, bottom = 34.0, 34.0 + ROW * len(titles)
    scale = Scale(0.0, max(found.wall, 1e-3))
    shapes: list[Shape] = [Text((LEFT, 18), headline(found), 12, INK, bold=True)]
    for tick in scale.ticks():
        x = left + WIDE * scale.share(tick)
        shapes.append(Stroke(((x, top), (x, bottom)), stroke=LINE, width=0.5))
        shapes.append(Text((x, bottom + 16), clock(tick), SIZE, MUTED, anchor="middle"))
    for at, (span, title) in enumerate(zip(found.spans, titles, strict=True)):
        y = top + ROW * at
        x0 = left + WIDE * scale.share(span.begin)
        x1 = max(left + WIDE * scale.share(span.end), x0 + 1.5)
        said = f"{title}: {clock(span.seconds)}, from {clock(span.begin)} on"
        bar = Box((x0, y + 4, x1, y + ROW - 4), radius=2, fill=colours[span.tier])
        name = Text((left - 8, y + 14), title, SIZE, colours[span.tier], anchor="end")
        shapes.append(Group((name, bar), name="span", says=said))
    return Scene(
        left + WIDE + 40, bottom + 28, f"When the steps of {found.family} ran", tuple(shapes)
    )


def headline(found: Timeline) -> str:
    """`toys: 12.0 s for 31.5 s of work, whose longest chain takes 10.2 s`."""
    return (
        f"{found.family}: {clock(found.wall)} for {clock(found.work)} of work, whose longest chain "
        f"takes {clock(found.longest)}"
    )


def clock(seconds: float) -> str:
    """`2.5 s`, `40 s`, `12 min 05 s`, `3 h 20 min`."""
    if seconds < 60:
        return f"{seconds:.3g} s"
    whole = round(seconds)
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"


def rows(found: Timeline) -> Sequence[tuple[str, str, str, str]]:
    """Tier, step, when it began, and how long it took."""
    return [
        (span.tier or "-", span.step, clock(span.begin), clock(span.seconds))
        for span in found.spans
    ]
