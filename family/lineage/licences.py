"""Which licences reach a model, along which edges, and whether what they ask for is met.

A rule that follows weights reaches a model to which weights lead without a break. One that
follows outputs also reaches a model that was taught by the licensed one, or by anything that came
of it. No lawyer wrote this.
"""

from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Literal

from pydantic import Field
from sqlalchemy import Connection, RowMapping, select

from family.licences.terms import OTHER, Begins, Holds, Rule, Through, identifiers, licence
from family.lineage.names import ID, Names, parts
from family.lineage.now import FLAGSHIP
from family.lineage.read import as_edge, line
from family.lineage.tables import builds, edges, heads, models
from family.lineage.views import LineageEdge, View
from family.stage import OUTPUTS

REMARK = (
    "This is no legal advice: the rules are a reading of the licences, and they may be wrong, "
    "incomplete or out of date. Read the texts, and ask a lawyer."
)
Status = Literal["met", "unmet", "forbidden", "by hand"]


class Obligation(View):
    """One rule of a licence that reaches a model."""

    licence: str
    rule: str
    kind: str = Field(description="`text`, `notice`, `name`, `duty` or `forbid`.")
    says: str
    source: str
    section: str
    date: str
    of: str = Field(description="The model that is under the licence.")
    through: str = Field(description="`weights` or `outputs`.")
    edge: LineageEdge | None = Field(
        description="The edge that brought it; null for the licensed model itself."
    )
    status: Status = Field(description="`by hand`: only people can tell whether it is met.")
    lacking: tuple[str, ...] = Field(description="The sets of files that do not meet it.")


class Licensed(View):
    """A model that this one came from, and its licence."""

    name: str
    model: str
    licence: str = Field(description="Its identifier; `not stated` if nothing is recorded.")
    about: str = Field(description="What must be known of the licence, or the user's own words.")


class Licences(View):
    """Every licence that reaches a model, and all that they ask for."""

    model: str
    name: str
    checked: tuple[str, ...] = Field(description="The sets of files that were looked into.")
    licensed: tuple[Licensed, ...]
    obligations: tuple[Obligation, ...]
    remark: str = Field(description="What it is not: legal advice.")


NOT_STATED = "not stated"

#: The nearest edges by which a model is reached along its weights and along its outputs.
_Ways = dict[Through, RowMapping | None]


def licences(connection: Connection, names: Names, key: str, store: Path) -> Licences:
    """All licences that reach the model `key`, and what they ask for."""
    reached = _reached(connection, key)
    shipped = {names.of(one): store / "artifacts" / one for one in _shipped(connection, key)}
    licensed, obligations = [], []
    for elder, words in _words(connection, key, reached).items():
        stated = words.get("licence", NOT_STATED)
        terms = licence(stated if stated in identifiers() else OTHER)
        licensed.append(
            Licensed(
                name=names.of(elder),
                model=elder[:ID],
                licence=stated,
                about=words.get("terms", terms.about),
            )
        )
        for rule in terms.rules:
            for through in rule.through:
                if through in reached[elder]:
                    ways = reached[elder]
                    obligations.append(
                        _obligation(stated, rule, through, ways, names.of(elder), names, shipped)
                    )
                    break  # one that follows both is owed once
    return Licences(
        model=key[:ID],
        name=names.of(key),
        checked=tuple(shipped),
        licensed=tuple(licensed),
        obligations=tuple(obligations),
        remark=REMARK,
    )


def _obligation(
    stated: str,
    rule: Rule,
    through: Through,
    ways: _Ways,
    of: str,
    names: Names,
    shipped: Mapping[str, Path],
) -> Obligation:
    row = ways[through]
    status, lacking = _status(rule, ways, shipped)
    return Obligation(
        licence=stated,
        rule=rule.name,
        kind=rule.kind,
        says=rule.says,
        source=rule.source,
        section=rule.section,
        date=rule.date,
        of=of,
        through=through,
        edge=as_edge(row, names) if row else None,
        status=status,
        lacking=lacking,
    )


def _status(rule: Rule, ways: _Ways, shipped: Mapping[str, Path]) -> tuple[Status, tuple[str, ...]]:
    """Whether a rule is met, and by which sets of files it is not."""
    match rule.check:
        case Holds() as check:
            lacking = tuple(name for name, folder in shipped.items() if not check.met(folder))
        case Begins() as check:
            lacking = tuple(name for name in shipped if not check.met(name))
        case None:
            excepted = rule.except_derivatives and "weights" in ways
            return "forbidden" if rule.kind == "forbid" and not excepted else "by hand", ()
    return "unmet" if lacking else "met", lacking


# ---- the ways up ---------------------------------------------------------------------------


def _reached(connection: Connection, key: str) -> dict[str, _Ways]:
    """Every model that `key` came from, and itself, by the ways that lead there."""
    above: dict[str, list[RowMapping]] = {}
    for row in sorted(line(connection, key, "up"), key=lambda row: row["position"]):
        above.setdefault(row["child"], []).append(row)
    start: tuple[str, Through] = (key, "weights")
    found: dict[str, _Ways] = {key: {"weights": None}}
    waiting = deque([start])
    while waiting:
        child, through = waiting.popleft()
        for row in above.get(child, ()):
            said = row["kind"] in OUTPUTS
            way: Through = "outputs" if said else through
            ways = found.setdefault(row["parent"], {})
            if way not in ways:
                # Along outputs, the edge that matters is the last that outputs flowed along.
                ways[way] = row if said or way == "weights" else found[child]["outputs"]
                waiting.append((row["parent"], way))
    return found


def _words(connection: Connection, key: str, reached: Iterable[str]) -> dict[str, dict[str, str]]:
    """What people say about each flagship among the models `reached`: its licence above all.

    Words are a record of the family, not of its flagship; those of the family of `key` go first,
    and a flagship that no family has any more keeps what was recorded with itself.
    """
    own = select(models.c.family).where(models.c.key == key).scalar_subquery()
    about = heads.alias()
    found: dict[str, dict[str, str]] = {}
    for some in parts(reached):
        flagships = select(builds.c.key, builds.c.facts).where(
            builds.c.key.in_(some), builds.c.step == FLAGSHIP
        )
        recorded = connection.execute(flagships).all()
        found |= {row.key: row.facts for row in recorded}
        said = connection.execute(
            select(heads.c.key, builds.c.facts)
            .join(about, (about.c.family == heads.c.family) & (about.c.step == "about"))
            .join(builds, builds.c.key == about.c.key)
            .where(heads.c.key.in_([row.key for row in recorded]), heads.c.step == FLAGSHIP)
            .order_by(heads.c.family == own, heads.c.family.desc())
        )
        found |= {row.key: row.facts for row in said}  # the last one wins
    return found


def _shipped(connection: Connection, key: str) -> Sequence[str]:
    """The sets of files that families have now of a model; the model itself if there are none."""
    exports = (
        select(edges.c.child)
        .join(models, models.c.key == edges.c.child)
        .where(
            edges.c.parent == key,
            models.c.step.startswith("export:"),
            edges.c.child.in_(select(heads.c.key)),
        )
        .distinct()
        .order_by(models.c.name)
    )
    return list(connection.scalars(exports)) or [key]
