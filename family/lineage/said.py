"""What people say about flagships and data: names, licences, permissions. Never a key's part."""

from collections.abc import Collection, Iterable, Iterator

from sqlalchemy import Connection, ScalarSelect, or_, select

from family.lineage.names import parts
from family.lineage.tables import builds, heads, models
from family.spec import DATA
from family.stage import Scalar

ABOUT, FLAGSHIP = "about", "flagship"
#: A flagship that is trained before it teaches came from a base, whose terms are stated.
BASE = "base"
#: Answers are under terms of their own where a service gave them.
RESPONSES = "responses"
SUBJECTS = (FLAGSHIP, BASE, *DATA, RESPONSES)
NOT_STATED = "not stated"

Facts = dict[str, Scalar]
Words = dict[str, str]


def words(connection: Connection, key: str, keys: Iterable[str]) -> dict[str, Words]:
    """What is said about each flagship and set of data among `keys`; empty if nothing is.

    Words are a record of their own, `about`, which names what it is about. What families say now
    counts, that of the model `key` first; of what no family has any more, what was said last. A
    flagship that no such record names keeps what was recorded with itself.
    """
    own = select(models.c.family).where(models.c.key == key).scalar_subquery()
    found: dict[str, Words] = {}
    for some in parts(keys):
        subjects = _subjects(connection, some)
        found |= {one: _of(step, facts) for one, (step, facts) in subjects.items()}
        current = set()
        for one, facts in _said_now(connection, subjects, own):  # the last one wins
            found[one] = _of(subjects[one][0], facts)
            current.add(one)
        for one, facts in _said_before(connection, subjects.keys() - current, own):
            found[one] = _of(subjects[one][0], facts)
        own_answers = (one for one, (step, _) in subjects.items() if step == RESPONSES)
        for one in [one for one in own_answers if not found[one]]:
            del found[one]
    return found


def _subjects(connection: Connection, keys: Iterable[str]) -> dict[str, tuple[str, Facts]]:
    """The flagships and sets of data among `keys`: their step, and what was recorded with them."""
    query = select(builds.c.key, builds.c.step, builds.c.facts).where(
        builds.c.key.in_(keys), builds.c.step.in_(SUBJECTS)
    )
    return {row.key: (row.step, row.facts) for row in connection.execute(query)}


def _said_now(
    connection: Connection, subjects: Iterable[str], own: ScalarSelect[str]
) -> Iterator[tuple[str, Facts]]:
    about = heads.alias()
    query = (
        select(heads.c.key, builds.c.facts)
        .join(about, (about.c.family == heads.c.family) & (about.c.step == ABOUT))
        .join(builds, builds.c.key == about.c.key)
        .where(heads.c.key.in_(subjects), heads.c.step.in_(SUBJECTS))
        .order_by(heads.c.family == own, heads.c.family.desc())
    )
    for row in connection.execute(query):
        yield row.key, row.facts


def _said_before(
    connection: Connection, subjects: Collection[str], own: ScalarSelect[str]
) -> Iterator[tuple[str, Facts]]:
    if not subjects:
        return
    about = [builds.c.recipe["inputs"][step].as_string() for step in SUBJECTS]
    query = (
        select(*about, builds.c.facts)
        .where(builds.c.step == ABOUT, or_(*(one.in_(subjects) for one in about)))
        .order_by(builds.c.family == own, builds.c.started)
    )
    for *named, facts in connection.execute(query):
        yield from ((one, facts) for one in named if one in subjects)


def _of(step: str, facts: Facts) -> Words:
    """The words of an `about` that are about its flagship, or about one set of data."""
    if step in (FLAGSHIP, BASE):
        return {name: str(said) for name, said in facts.items()}
    mark = f"{step}_"
    return {
        name.removeprefix(mark): str(said) for name, said in facts.items() if name.startswith(mark)
    }
