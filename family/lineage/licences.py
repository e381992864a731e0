"""Which licences reach a model, along which edges, and whether what they ask for is met.

A rule that follows weights reaches a model to which weights lead without a break. One that
follows outputs also reaches a model that was taught by the licensed one, or by anything that came
of it. Data that teach a model are outputs of whoever wrote them. No lawyer wrote this.
"""

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Literal

from pydantic import Field
from sqlalchemy import Connection, select

from family.licences.terms import OWN, Begins, Holds, Licence, Rule, stated
from family.lineage.datasets import data_names, data_of
from family.lineage.names import ID, Names
from family.lineage.read import as_edge
from family.lineage.said import FLAGSHIP, NOT_STATED, words
from family.lineage.tables import edges, heads, models, released
from family.lineage.views import LineageEdge, View
from family.lineage.ways import Ways, ways_up

REMARK = (
    "This is no legal advice: the rules are a reading of the licences, and they may be wrong, "
    "incomplete or out of date. Read the texts, and ask a lawyer."
)
OURS = "Whoever made the family wrote it: it asks for nothing."
Status = Literal["met", "unmet", "forbidden", "permitted", "by hand"]
BLOCKING = ("unmet", "forbidden")


class Obligation(View):
    """One rule of a licence that reaches a model."""

    id: str = Field(description="What a waiver names: `llama3.1/name`.")
    licence: str
    rule: str
    kind: str = Field(description="`text`, `notice`, `name`, `duty` or `forbid`.")
    says: str
    source: str
    section: str
    date: str
    of: str = Field(description="The model, or the data, that is under the licence.")
    through: str = Field(description="`weights` or `outputs`.")
    edge: LineageEdge | None = Field(
        description="The edge that brought it; null for the licensed model itself."
    )
    status: Status = Field(
        description="`by hand`: only people can tell whether it is met; `permitted`: the family "
        "file states a permission for what is otherwise forbidden."
    )
    lacking: tuple[str, ...] = Field(description="The sets of files that do not meet it.")
    differs: tuple[str, ...] = Field(
        description="The sets of files whose licence text is not the recorded one, word for word."
    )
    fix: str | None = Field(description="What would meet it, where it blocks.")


class Licensed(View):
    """A model or data that this model came from, and its licence."""

    name: str
    model: str
    licence: str = Field(description="Its identifier; `not stated` if nothing is recorded.")
    about: str = Field(description="What must be known of the licence, or the user's own words.")
    permission: str | None = Field(description="Who allowed what it forbids, as the user says.")
    checked: str = Field(
        description="`text` if the rules were compared with the licence's text, else `secondary`."
    )
    read: str = Field(description="When that was; ISO 8601.")
    seen: str = Field(description="What was read, and where.")


class Licences(View):
    """Every licence that reaches a model, and all that they ask for."""

    model: str
    name: str
    checked: tuple[str, ...] = Field(
        description="The sets of files that were looked into, and the notices that ship with them."
    )
    licensed: tuple[Licensed, ...]
    obligations: tuple[Obligation, ...]
    remark: str = Field(description="What it is not: legal advice.")


def blocking(found: Licences, waived: Collection[str] = ()) -> tuple[Obligation, ...]:
    """What is unmet or forbidden, and was not waived: it may not be shipped so."""
    return tuple(
        one for one in found.obligations if one.status in BLOCKING and one.id not in waived
    )


#: What ships, by name: the folder of each set of files, and that of the notices beside it.
_Shipped = Mapping[str, Sequence[Path]]


def licences(connection: Connection, names: Names, key: str, store: Path) -> Licences:
    """All licences that reach the model `key`, and what they ask for."""
    reached, pupils = ways_up(connection, key)
    used = data_of(connection, pupils)
    called = data_names(connection, used)
    shipped, notices = _shipped(connection, names, key, store)
    licensed: list[Licensed] = []
    obligations: list[Obligation] = []
    for elder, said in words(connection, key, (*reached, *used)).items():
        identifier = said.get("licence", NOT_STATED)
        terms, title = stated(identifier), called.get(elder) or names.of(elder)
        licensed.append(_licensed(elder, title, identifier, terms, said))
        if identifier == OWN:
            continue
        place = title.rpartition("/")[2] if elder in used else FLAGSHIP
        ways: Ways = reached.get(elder, {"outputs": None})
        for rule in terms.rules:
            through = next((way for way in rule.through if way in ways), None)
            if through is None:
                continue
            row = ways[through]
            edge = as_edge(row, names) if row else None
            if elder in used:
                edge = LineageEdge(
                    child=used[elder][:ID],
                    child_name=names.of(used[elder]),
                    parent=elder[:ID],
                    parent_name=title,
                    kind="taught_on",
                    detail={},
                )
            status, lacking = _status(rule, ways, shipped, permitted="permission" in said)
            obligations.append(
                Obligation(
                    id=f"{terms.id}/{rule.name}".replace(" ", "-"),
                    licence=identifier,
                    rule=rule.name,
                    kind=rule.kind,
                    says=rule.says,
                    source=rule.source,
                    section=rule.section,
                    date=rule.date,
                    of=title,
                    through=through,
                    edge=edge,
                    status=status,
                    lacking=lacking,
                    differs=_differs(terms, rule, shipped),
                    fix=_fix(terms, rule, place) if status in BLOCKING else None,
                )
            )
    return Licences(
        model=key[:ID],
        name=names.of(key),
        checked=(*shipped, *notices),
        licensed=tuple(licensed),
        obligations=tuple(obligations),
        remark=REMARK,
    )


def _licensed(
    key: str, title: str, identifier: str, terms: Licence, said: Mapping[str, str]
) -> Licensed:
    about = said.get("terms") or (OURS if identifier == OWN else terms.about)
    return Licensed(
        name=title,
        model=key[:ID],
        licence=identifier,
        about=about,
        permission=said.get("permission"),
        checked=terms.checked,
        read=terms.read,
        seen=terms.seen,
    )


# ---- whether it is met ---------------------------------------------------------------------


def _status(
    rule: Rule, ways: Ways, shipped: _Shipped, *, permitted: bool
) -> tuple[Status, tuple[str, ...]]:
    """Whether a rule is met, and by which sets of files it is not."""
    match rule.check:
        case Holds() as check:
            lacking = tuple(
                name for name, folders in shipped.items() if not any(map(check.found, folders))
            )
        case Begins() as check:
            lacking = tuple(name for name in shipped if not check.met(name))
        case None:
            if rule.kind != "forbid" or (rule.except_derivatives and "weights" in ways):
                return "by hand", ()
            return "permitted" if rule.teaching and permitted else "forbidden", ()
    return "unmet" if lacking else "met", lacking


def _differs(terms: Licence, rule: Rule, shipped: _Shipped) -> tuple[str, ...]:
    """The sets of files whose text says that it is this licence's, and has other words."""
    if rule.kind != "text" or terms.text is None or not isinstance(rule.check, Holds):
        return ()
    found = {
        name: [text for folder in folders if (text := rule.check.found(folder))]
        for name, folders in shipped.items()
    }
    return tuple(name for name, texts in found.items() if not all(map(terms.text.same, texts)))


def _fix(terms: Licence, rule: Rule, place: str) -> str:
    """What would meet a rule that is not met."""
    match rule.check:
        case Begins(begins=begins):
            return f"Give the family a name that begins with {begins}."
        case Holds() if "{credit}" in rule.sentence:
            return f"Say whom to name in {place}.credit of the family file, and build again."
        case Holds() if rule.kind == "text" and not terms.text:
            return "Bring its text as flagship.licence_file of the family file, and build again."
        case Holds():
            return "Build again, which writes LICENSE and NOTICE."
        case None if rule.teaching:
            return f"Say who allowed it in {place}.permission of the family file, and build again."
    return "Nothing but a waiver, which needs a reason."


# ---- what ships ----------------------------------------------------------------------------


def _shipped(
    connection: Connection, names: Names, key: str, store: Path
) -> tuple[_Shipped, tuple[str, ...]]:
    """What families ship of a model, itself if they ship nothing of it; and the notices' names."""
    beside = {
        row.family: store / "artifacts" / row.key
        for row in connection.execute(select(heads).where(heads.c.step == "notices"))
    }
    shipped: dict[str, list[Path]] = {}
    notices: dict[str, None] = {}
    for one in _sets(connection, key):
        name = names.of(one)
        family = name.partition("/")[0]
        shipped[name] = [store / "artifacts" / one]
        if family in beside:
            shipped[name].append(beside[family])
            notices[f"{family}/notices"] = None
    return shipped, tuple(notices)


def _sets(connection: Connection, key: str) -> Sequence[str]:
    """The sets of files that families have now of a model, else those that releases have of it,
    else the model itself."""
    exports = (
        select(edges.c.child)
        .join(models, models.c.key == edges.c.child)
        .where(edges.c.parent == key, models.c.step.startswith("export:"))
        .group_by(edges.c.child, models.c.name)
        .order_by(models.c.name)
    )
    for held in (heads, released):
        if found := list(connection.scalars(exports.where(edges.c.child.in_(select(held.c.key))))):
            return found
    return [key]
