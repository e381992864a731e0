"""What `descent lineage` and `descent licences` answer, as tables for people."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import PurePath

from rich.console import RenderableType

from family.lineage.changes import Change, Diff, EdgeChange, Moved, Side, Why
from family.lineage.licences import Licences, Licensed, Obligation, blocking
from family.lineage.released import ReleaseView
from family.lineage.stale import Stale
from family.lineage.views import Contained, Dataset, Figure, LineageEdge, ModelCard, Reindexed
from family.lineage.words import edge as edge_words
from family.lineage.words import scalar, spaced
from family.sweep import Swept
from flows.cli import show

#: Longer settings are cut in tables; `--json` has them whole.
LONGEST = 60


def edges(found: Sequence[LineageEdge]) -> Iterator[RenderableType]:
    """One row per edge."""
    rows = [
        (one.child_name, spaced(one.kind), one.parent_name, _pairs(one.detail)) for one in found
    ]
    yield show.table(("model", "kind", "parent", "detail"), rows)


def card(found: ModelCard) -> Iterator[RenderableType]:
    """All about one model: facts, figures, edges and files."""
    facts = {
        "model": found.model,
        "names": ", ".join(found.names),
        "precision": found.precision,
        "parameters": f"{found.parameters:,}",
        "architecture": f"{found.architecture} ({_pairs(found.shape)})",
        "digest": found.digest,
        "folder": found.folder,
        "made": f"{found.created}, in {show.duration(found.seconds)}",
        "energy": f"{found.energy_joules:,.0f} J" if found.energy_joules is not None else "",
        "seed": str(found.seed) if found.seed is not None else "",
        "prefect run": found.prefect_run_id or "",
        "environment": _pairs(found.environment),
        "facts": _pairs(found.facts),
    }
    yield show.table((found.name, ""), [(name, text) for name, text in facts.items() if text])
    if found.metrics:
        figures = ("figure", "value", "n", "95 % interval", "protocol")
        yield show.table(figures, map(_figure, found.metrics), right=("value", "n"))
    came = [(spaced(one.kind), one.parent_name, _pairs(one.detail)) for one in found.parents]
    if came:
        yield show.table(("came", "from", "detail"), came)
    if found.data:
        numbers = ("train", "held out", "tokens")
        columns = ("data", "licence", *numbers, "made from", "digest")
        yield show.table(columns, map(_data, found.data), right=numbers)
    files = [(one.path, show.size(one.bytes), one.sha256) for one in found.files]
    yield show.table(("file", "size", "sha256"), files, right=("size",))


def diff(found: Diff) -> Iterator[RenderableType]:
    """Both models, why they differ, and what moved."""
    yield _sides(found.before, found.after)
    if found.causes:
        yield _causes(found.causes)
    else:
        yield "They are the same model."
    if found.edges:
        yield show.table(("edge", "kind", "before", "after", "detail"), map(_edge, found.edges))
    if found.figures:
        columns = ("figure", "before", "after", "change", "95 % intervals")
        yield show.table(columns, map(_moved, found.figures), right=columns[1:4])
    if found.incomparable:
        names = ", ".join(map(spaced, found.incomparable))
        yield f"Measured under different protocols, so not compared: {names}."
    if found.environment:
        rows = [(one.what, _value(one.before), _value(one.after)) for one in found.environment]
        yield show.table(("environment", "before", "after"), rows)


def why(found: Why) -> Iterator[RenderableType]:
    """The artifact before this one, and what changed since."""
    if found.earlier is None:
        yield f"{found.model.name} ({found.model.model}) is the first that was made in its place."
    else:
        yield _sides(found.earlier, found.model)
        yield _causes(found.causes)


def contained(found: Sequence[Contained]) -> Iterator[RenderableType]:
    """One row per file; superseded sets are marked."""
    rows = [
        (
            one.name,
            "now" if one.now else "superseded",
            PurePath(file.path).relative_to(one.folder).as_posix(),
            show.size(file.bytes),
            file.sha256,
        )
        for one in found
        for file in one.files
    ]
    yield show.table(("file set", "", "file", "size", "sha256"), rows, right=("size",))


def stale(found: Sequence[Stale]) -> Iterator[RenderableType]:
    """One row per model, with who holds it and what was left behind."""
    if not found:
        yield "Nothing is stale: all was made from what the family has now."
        return
    rows = [(one.name, ", ".join(_holders(one)), one.reason) for one in found]
    yield show.table(("stale", "held by", "why"), rows)


def reindexed(found: Reindexed) -> Iterator[RenderableType]:
    """What the index holds now."""
    yield (
        f"The index was rebuilt from the store: {found.artifacts:,} artifacts, "
        f"{found.models:,} models, {found.edges:,} edges, {found.releases:,} releases, "
        f"{found.decisions:,} decisions; "
        f"families: {', '.join(found.families) or 'none'}."
    )


def releases(found: Iterable[ReleaseView]) -> Iterator[RenderableType]:
    """Every release with where it stands, then what was decided, the last first."""
    found = list(found)
    states = {None: "waits", True: "approved", False: "rejected"}
    rows = [
        (
            one.version,
            one.change,
            ", ".join(one.aliases),
            states[one.approved],
            one.created[:16].replace("T", " "),
            one.by,
            one.note,
        )
        for one in found
    ]
    columns = ("version", "change", "aliases", "approval", "made (UTC)", "by", "note")
    yield show.table(columns, rows)
    decided = [
        (
            one.at[:16].replace("T", " "),
            one.kind,
            one.version,
            one.alias or one.subject or "",
            one.by,
            one.reason,
        )
        for one in sorted(
            (one for release in found for one in release.decisions),
            key=lambda one: -one.number,
        )
    ]
    yield show.table(("when (UTC)", "decision", "version", "of", "by", "reason"), decided)


def licences(found: Licences) -> Iterator[RenderableType]:
    """Who is under which licence, what each asks for, and what this is not."""
    held = [(one.name, one.licence, _read(one), _known(one)) for one in found.licensed]
    yield show.table(("under a licence", "which", "rules", "about"), held)
    yield show.table(
        ("status", "duty", "brought by", "says", "where"), map(_obligation, found.obligations)
    )
    yield f"Looked into: {', '.join(found.checked)}."
    blocked = blocking(found)
    yield from dict.fromkeys(f"{one.id} is {one.status}. {one.fix}" for one in blocked)
    if not blocked:
        yield "Nothing that can be checked here forbids to ship it."
    yield found.remark


# ---- rows ----------------------------------------------------------------------------------


def _obligation(one: Obligation) -> tuple[str, ...]:
    edge = one.edge
    by = edge_words(edge.kind, edge.parent_name, {}) if edge else "the model itself"
    status = f"{one.status}: {', '.join(one.lacking)}" if one.lacking else one.status
    if one.differs:
        status += f"; not the recorded text: {', '.join(one.differs)}"
    brought = f"{edge.child_name} {by}" if edge else by
    where = f"{one.source}, {one.section} ({one.date})"
    return status, one.id, brought, one.says, where


def _read(one: Licensed) -> str:
    """Whether its rules were held against the text itself."""
    how = "compared with the text" if one.checked == "text" else "not from the text itself"
    return f"{how}, {one.read}"


def _known(one: Licensed) -> str:
    return f"{one.about} Permission: {one.permission}".strip() if one.permission else one.about


def _holders(one: Stale) -> Iterator[str]:
    if one.now:
        yield "the family now"
    for version, aliases in one.releases.items():
        yield f"{version} ({', '.join(aliases)})"


def _data(one: Dataset) -> tuple[str, ...]:
    written = (f"written by {one.generated_by}",) if one.generated_by else ()
    return (
        one.name,
        one.licence or "",
        f"{one.train:,}",
        f"{one.held_out:,}",
        "" if one.tokens is None else f"{one.tokens:,}",
        ", ".join((*one.made_from, *written)),
        one.digest,
    )


def _sides(before: Side, after: Side) -> RenderableType:
    rows = [
        (side, one.name, one.model, f"{one.parameters:,}", show.size(one.bytes), one.created)
        for side, one in (("before", before), ("after", after))
    ]
    columns = ("", "model", "id", "parameters", "size", "made")
    return show.table(columns, rows, right=("parameters", "size"))


def _causes(causes: Iterable[Change]) -> RenderableType:
    rows = [(one.kind, one.step, one.what, _value(one.before), _value(one.after)) for one in causes]
    return show.table(("cause", "step", "what", "before", "after"), rows)


def _edge(one: EdgeChange) -> tuple[str, ...]:
    detail = ", ".join(
        f"{spaced(part.what)} {_value(part.before)} → {_value(part.after)}" for part in one.detail
    )
    return one.child, spaced(one.kind), one.before or "", one.after or "", detail


def _moved(one: Moved) -> tuple[str, ...]:
    apart = {True: "apart", False: "overlap", None: ""}[one.clear]
    values = f"{one.before:.4g}", f"{one.after:.4g}", f"{one.change:+.3g}"
    return spaced(one.name), *values, apart


def _figure(one: Figure) -> tuple[str, ...]:
    interval = "{:.4g} to {:.4g}".format(*one.interval) if one.interval else ""
    return spaced(one.name), f"{one.value:.4g}", str(one.n), interval, one.protocol[:12]


def _value(value: object) -> str:
    """A setting or a count, short enough for a table."""
    if value is None:
        return "none"
    text = scalar(value) if isinstance(value, (bool, int, float)) else str(value)
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 3]}..."


def _pairs(values: Mapping[str, object]) -> str:
    return ", ".join(
        f"{spaced(name)} {value:.6g}" if isinstance(value, float) else f"{spaced(name)} {value}"
        for name, value in values.items()
    )


def swept(found: Swept, *, dry: bool) -> Iterator[RenderableType]:
    """What goes, largest first, and how much that is."""
    if found.artifacts:
        rows = [
            (one.name or "half-removed", show.size(one.bytes), one.key[:12])
            for one in sorted(found.artifacts, key=lambda one: -one.bytes)
        ]
        yield show.table(("artifact", "size", "key"), rows, right=("size",))
    went = "would go" if dry else "went"
    yield (
        f"{len(found.artifacts)} artifacts and {len(found.leftovers)} leftovers {went}, "
        f"{show.size(found.bytes)}. {found.kept} artifacts stay."
    )
