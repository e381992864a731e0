"""What people say about flagships and prompts: names, licences, permissions. Never a key's part."""

from collections.abc import Iterable

from sqlalchemy import Connection, or_, select

from family.lineage.names import parts
from family.lineage.tables import builds, heads, models
from family.stage import Scalar

ABOUT, FLAGSHIP, PROMPTS = "about", "flagship", "prompts"
NOT_STATED = "not stated"

Words = dict[str, str]


def words(connection: Connection, key: str, keys: Iterable[str]) -> dict[str, Words]:
    """What is said about each flagship and set of prompts among `keys`; empty if nothing is.

    Words are a record of their own (`about`), which names what they are about. Those of the
    family of the model `key` go first, then what families say now, then what was said before; a
    flagship that no such record names keeps what was recorded with itself.
    """
    own = select(models.c.family).where(models.c.key == key).scalar_subquery()
    found: dict[str, Words] = {}
    for some in parts(keys):
        kinds = select(builds.c.key, builds.c.step, builds.c.facts).where(
            builds.c.key.in_(some), builds.c.step.in_((FLAGSHIP, PROMPTS))
        )
        steps = {}
        for row in connection.execute(kinds):
            steps[row.key] = row.step
            found[row.key] = _of(row.step, row.facts) if row.step == FLAGSHIP else {}
        if not steps:
            continue
        inputs = builds.c.recipe["inputs"]
        said_before = (
            select(
                *(inputs[step].as_string().label(step) for step in (FLAGSHIP, PROMPTS)),
                builds.c.facts,
            )
            .where(
                builds.c.step == ABOUT,
                or_(*(inputs[step].as_string().in_(steps) for step in (FLAGSHIP, PROMPTS))),
            )
            .order_by(builds.c.family == own, builds.c.started)
        )
        for *subjects, facts in connection.execute(said_before):
            for one in subjects:
                if one in steps:
                    found[one] = _of(steps[one], facts)
        about = heads.alias()
        said_now = (
            select(heads.c.key, heads.c.step, builds.c.facts)
            .join(about, (about.c.family == heads.c.family) & (about.c.step == ABOUT))
            .join(builds, builds.c.key == about.c.key)
            .where(heads.c.key.in_(steps), heads.c.step.in_((FLAGSHIP, PROMPTS)))
            .order_by(heads.c.family == own, heads.c.family.desc())
        )
        for row in connection.execute(said_now):  # the last one wins
            found[row.key] = _of(row.step, row.facts)
    return found


def _of(step: str, facts: dict[str, Scalar]) -> Words:
    """The words of an `about` that are about its flagship, or about its prompts."""
    if step == FLAGSHIP:
        return {name: str(said) for name, said in facts.items()}
    mark = f"{PROMPTS}_"
    return {
        name.removeprefix(mark): str(said) for name, said in facts.items() if name.startswith(mark)
    }
