"""What made one model differ from another, and what moved with it.

A key is the hash of a recipe, so two models differ because somewhere up their recipes a setting,
a stage's version or something brought from outside does. Both are walked up side by side, input
by input, and what is told is where they first part, not what merely followed.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import Field, JsonValue
from sqlalchemy import Connection, Row, RowMapping, func, select

from family.lineage.names import ID, Names, parts
from family.lineage.read import figures_of
from family.lineage.tables import builds, edges, files, models
from family.lineage.views import View
from family.stage import Scalar, differences


class Change(View):
    """One cause of a difference."""

    kind: Literal["setting", "code", "data", "input"] = Field(
        description="A setting; a stage's version; what was brought from outside; or an input "
        "that is now another tier's, was added, or is gone."
    )
    step: str = Field(description="Whose: `nano · distill`.")
    what: str = Field(description="The setting's or the input's name.")
    before: JsonValue
    after: JsonValue
    through: tuple[str, ...] = Field(
        description="The inputs that lead from the model to that step: `student`, `parent`."
    )


class Difference(View):
    """A value before and after; null where there was none."""

    what: str
    before: Scalar | None
    after: Scalar | None


class EdgeChange(View):
    """An edge that leads elsewhere, or that has other details."""

    child: str
    kind: str
    before: str | None = Field(description="The parent's name; null where there was no such edge.")
    after: str | None
    detail: tuple[Difference, ...]


class Moved(View):
    """A figure that both models have under one protocol."""

    name: str
    unit: str
    protocol: str
    before: float
    after: float
    change: float
    before_interval: tuple[float, float] | None
    after_interval: tuple[float, float] | None
    clear: bool | None = Field(
        description="Whether the 95 % intervals lie apart; null where one is missing."
    )


class Side(View):
    """One of two models that are compared."""

    name: str
    model: str
    key: str
    parameters: int
    bytes: int = Field(description="Of all its files.")
    created: str


class Diff(View):
    """What differs between two models."""

    before: Side
    after: Side
    causes: tuple[Change, ...] = Field(description="Where their recipes part; nearest first.")
    edges: tuple[EdgeChange, ...]
    figures: tuple[Moved, ...]
    incomparable: tuple[str, ...] = Field(
        description="Figures that both have, but under protocols that may not be compared."
    )
    environment: tuple[Difference, ...] = Field(
        description="Packages and machine; they are recorded, and no key depends on them."
    )


class Why(View):
    """What made a model's key new."""

    model: Side
    earlier: Side | None = Field(
        description="The last artifact before it of the same family, tier and step."
    )
    causes: tuple[Change, ...]


def diff(connection: Connection, names: Names, before: str, after: str) -> Diff:
    """What differs between the models of two keys."""
    figures, incomparable = _figures(connection, before, after)
    pair = _builds(connection, (before, after))
    environments = (dict(pair[key].environment) for key in (before, after))
    return Diff(
        before=side(connection, names, before),
        after=side(connection, names, after),
        causes=tuple(causes(connection, names, before, after)),
        edges=tuple(_edges(connection, names, before, after)),
        figures=tuple(figures),
        incomparable=tuple(incomparable),
        environment=tuple(_differences(*environments)),
    )


def why(connection: Connection, names: Names, key: str) -> Why:
    """What made this model's key new against the artifact that was made before it."""
    build = _builds(connection, (key,))[key]
    earlier: str | None = connection.scalar(
        select(builds.c.key)
        .join(models, models.c.key == builds.c.key)
        .where(
            models.c.family == build.family,
            models.c.tier == build.tier,
            models.c.step == build.step,
            builds.c.started < build.started,
        )
        .order_by(builds.c.started.desc(), builds.c.key)
        .limit(1)
    )
    return Why(
        model=side(connection, names, key),
        earlier=side(connection, names, earlier) if earlier else None,
        causes=tuple(causes(connection, names, earlier, key)) if earlier else (),
    )


def side(connection: Connection, names: Names, key: str) -> Side:
    """One model, in brief."""
    model = connection.execute(select(models).where(models.c.key == key)).one()
    size = select(func.coalesce(func.sum(files.c.bytes), 0)).where(files.c.model == key)
    return Side(
        name=names.of(key),
        model=key[:ID],
        key=key,
        parameters=model.parameters,
        bytes=connection.scalars(size).one(),
        created=model.created,
    )


# ---- causes --------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Pair:
    """Two artifacts that stand in the same place, and the inputs that lead to them."""

    before: str
    after: str
    through: tuple[str, ...] = ()


def causes(connection: Connection, names: Names, before: str, after: str) -> Iterator[Change]:
    """Where the recipes of two artifacts part, breadth first; nothing if they are the same."""
    level = [_Pair(before, after)] if before != after else []
    known = _builds(connection, (before, after))
    places = _Places(known[before], known[after])
    seen = set()
    while level:
        known |= _builds(
            connection,
            (
                key
                for pair in level
                for side in (pair.before, pair.after)
                for key in known[side].recipe["inputs"].values()
                if key not in known
            ),
        )
        below = []
        for pair in level:
            one, other = known[pair.before], known[pair.after]
            yield from _own(one, other, pair.through)
            for name, was, now in differences(one.recipe["inputs"], other.recipe["inputs"]):
                if was in known and now in known and places.same(known[was], known[now]):
                    below.append(_Pair(was, now, (*pair.through, name)))
                else:
                    yield _input(names, known, other, pair.through, name, was, now)
        level = []
        for pair in below:  # two steps may share an input; the nearer one tells of it
            if (pair.before, pair.after) not in seen:
                seen.add((pair.before, pair.after))
                level.append(pair)


@dataclass(frozen=True)
class _Places:
    """Which two artifacts do the same work in two models that may be of different tiers."""

    before: Row[Any]
    after: Row[Any]

    def same(self, one: Row[Any], other: Row[Any]) -> bool:
        if one.step != other.step:
            return False
        own = (self.before.tier, self.after.tier)
        return one.tier == other.tier or (one.tier, other.tier) == own


def _own(one: Row[Any], other: Row[Any], through: tuple[str, ...]) -> Iterator[Change]:
    """What differs in the recipes themselves, their inputs left out."""
    step = _title(other)
    for name in ("stage", "version"):
        if one.recipe[name] != other.recipe[name]:
            yield Change(
                kind="code",
                step=step,
                what=name,
                before=one.recipe[name],
                after=other.recipe[name],
                through=through,
            )
    for what, was, now in differences(one.recipe["settings"], other.recipe["settings"]):
        yield Change(kind="setting", step=step, what=what, before=was, after=now, through=through)


def _input(
    names: Names,
    known: Mapping[str, Row[Any]],
    owner: Row[Any],
    through: tuple[str, ...],
    name: str,
    was: str | None,
    now: str | None,
) -> Change:
    """An input that cannot be walked any further."""
    leaves = was is not None and now is not None and not {was, now} & known.keys()
    return Change(
        kind="data" if leaves else "input",
        step=_title(owner),
        what=name,
        before=_called(names, known, was),
        after=_called(names, known, now),
        through=through,
    )


def _called(names: Names, known: Mapping[str, Row[Any]], key: str | None) -> str | None:
    if key is None or key not in known:
        return key
    called = names.of(key)
    return f"{_title(known[key])} ({called})" if called == key[:ID] else called


def _title(build: Row[Any]) -> str:
    return f"{build.tier or 'family'} · {build.step.replace(':', ' ')}"


def _builds(connection: Connection, keys: Iterable[str]) -> dict[str, Row[Any]]:
    found: dict[str, Row[Any]] = {}
    for some in parts(dict.fromkeys(keys)):
        rows = connection.execute(select(builds).where(builds.c.key.in_(some)))
        found |= {row.key: row for row in rows}
    return found


# ---- what moved with them ------------------------------------------------------------------


def _edges(connection: Connection, names: Names, before: str, after: str) -> Iterator[EdgeChange]:
    """Edges of the two models, and of the starts that they were trained from."""
    pairs, seen = [(before, after)], set()
    while pairs:
        one, other = pairs.pop(0)
        if one == other or (one, other) in seen:
            continue
        seen.add((one, other))
        was, now = _by_kind(connection, one), _by_kind(connection, other)
        for kind, place in {**was, **now}:
            left, right = was.get((kind, place)), now.get((kind, place))
            change = EdgeChange(
                child=names.of(other),
                kind=kind,
                before=names.of(left["parent"]) if left else None,
                after=names.of(right["parent"]) if right else None,
                detail=tuple(
                    _differences(left["detail"] if left else {}, right["detail"] if right else {})
                ),
            )
            if change.before != change.after or change.detail:
                yield change
            if left and right and kind == "initialised_from":
                pairs.append((left["parent"], right["parent"]))


def _by_kind(connection: Connection, key: str) -> dict[tuple[str, int], RowMapping]:
    """A model's edges by kind, and by their order among those of the same kind."""
    found: dict[tuple[str, int], RowMapping] = {}
    rows = connection.execute(
        select(edges).where(edges.c.child == key).order_by(edges.c.position)
    ).mappings()
    for row in rows:
        place = sum(kind == row["kind"] for kind, _ in found)
        found[row["kind"], place] = row
    return found


def _differences(before: Mapping[str, Scalar], after: Mapping[str, Scalar]) -> Iterator[Difference]:
    for what, was, now in differences(dict(before), dict(after)):
        yield Difference(what=what, before=was, after=now)


def _figures(
    connection: Connection, before: str, after: str
) -> tuple[Sequence[Moved], Sequence[str]]:
    """Figures that may be compared, and the names of those that may not."""
    was = {(one.name, one.protocol): one for one in figures_of(connection, before)}
    now = {(one.name, one.protocol): one for one in figures_of(connection, after)}
    moved = []
    for what in (what for what in was if what in now):
        left, right = was[what], now[what]
        clear = None
        if left.interval and right.interval:
            clear = left.interval[1] < right.interval[0] or right.interval[1] < left.interval[0]
        moved.append(
            Moved(
                name=left.name,
                unit=left.unit,
                protocol=left.protocol,
                before=left.value,
                after=right.value,
                change=right.value - left.value,
                before_interval=left.interval,
                after_interval=right.interval,
                clear=clear,
            )
        )
    both = {name for name, _ in was} & {name for name, _ in now}
    return moved, sorted(both - {one.name for one in moved})
