"""What a new flagship leaves behind: models made from what their family has no longer.

A leaf is an artifact that no other one went into: the flagship, and the prompts. A model whose
recipe leads up to a leaf that the family has exchanged or dropped is stale, be it one that the
family has now or one of a release that an alias stands on.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from pydantic import Field
from sqlalchemy import Connection, Row, select

from family.lineage.agree import agree_on
from family.lineage.digest import builds_above
from family.lineage.names import ID, places_of
from family.lineage.record import model_name
from family.lineage.released import aliases, decisions_of
from family.lineage.views import View
from family.store import Store

#: A tier, a step and the key of the artifact that it has.
_Place = tuple[str, str, str]


class Left(View):
    """A leaf that a model was made from and that the family has no longer."""

    step: str = Field(description="`flagship` or `prompts`.")
    name: str = Field(description="`quickstart/flagship@1a2b3c4d`.")
    key: str
    now: str | None = Field(description="The key of what the family has in its place, if any.")


class Stale(View):
    """A model that was made from what its family has no longer."""

    name: str
    model: str
    now: bool = Field(description="Whether the family has it now.")
    releases: dict[str, tuple[str, ...]] = Field(
        description="The versions that hold it and that an alias stands on, with those aliases."
    )
    left: tuple[Left, ...]
    reason: str


def stale(connection: Connection, store: Store, family: str) -> tuple[Stale, ...]:
    """Every stale model of a family, by name; what it has now before what it released."""
    agree_on(connection, store, family)
    now = {(row.tier, row.step): row.key for row in _steps(connection, family)}
    held: dict[_Place, list[str]] = {(*at, key): [] for at, key in now.items()}
    standing = _standing(connection, family)
    for version in standing:
        agree_on(connection, store, family, version)
        for row in _steps(connection, family, version):
            held.setdefault((row.tier, row.step, row.key), []).append(version)

    models = {at: versions for at, versions in held.items() if _is_model(at[1])}
    made = builds_above(connection, {key for *_, key in models})
    found = []
    for (tier, step, key), versions in models.items():
        gone = [leaf for leaf in _leaves(key, made) if leaf.key not in now.values()]
        if left := tuple(_left(leaf, now.get((leaf.tier, leaf.step))) for leaf in gone):
            place, current = model_name(family, tier, step), now.get((tier, step)) == key
            found.append(
                Stale(
                    name=place if current else f"{place}@{versions[0]}",
                    model=key[:ID],
                    now=current,
                    releases={version: standing[version] for version in versions},
                    left=left,
                    reason=_reason(left),
                )
            )
    return tuple(sorted(found, key=lambda one: (not one.now, one.name)))


# ---- who holds what ------------------------------------------------------------------------


def _standing(connection: Connection, family: str) -> dict[str, tuple[str, ...]]:
    """The versions that an alias stands on, with those aliases."""
    found: dict[str, tuple[str, ...]] = {}
    for alias, version in sorted(aliases(decisions_of(connection, family)).items()):
        found[version] = (*found.get(version, ()), alias)
    return found


def _steps(connection: Connection, family: str, version: str | None = None) -> Iterable[Row[Any]]:
    """What each step of the family has now, or had in a release."""
    places = places_of(version)
    return connection.execute(
        select(places.c.tier, places.c.step, places.c.key).where(places.c.family == family)
    )


def _is_model(step: str) -> bool:
    return step == "distill" or step.startswith("export:")


# ---- what it was made from -----------------------------------------------------------------


def _leaves(key: str, made: Mapping[str, Row[Any]]) -> list[Row[Any]]:
    """The artifacts above `key` that none of ours went into, by step."""
    seen, waiting, found = {key}, [key], []
    while waiting:
        row = made[waiting.pop()]
        inputs = set(row.recipe["inputs"].values()) & made.keys()
        if not inputs:
            found.append(row)
        waiting += inputs - seen
        seen |= inputs
    return sorted(found, key=lambda row: (row.step, row.key))


def _left(leaf: Row[Any], now: str | None) -> Left:
    name = model_name(leaf.family, leaf.tier, leaf.step)
    return Left(step=leaf.step, name=f"{name}@{leaf.key[:8]}", key=leaf.key, now=now)


def _reason(left: Sequence[Left]) -> str:
    """`made from toy/flagship@1a2b3c4d; the family now has flagship 9f8e7d6c`."""
    has = (f"{one.step} {one.now[:8]}" if one.now else f"no {one.step}" for one in left)
    names = " and ".join(one.name for one in left)
    return f"made from {names}; the family now has {' and '.join(has)}"
