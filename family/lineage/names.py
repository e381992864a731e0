"""What models are called now, and which model a name means."""

import re
from collections.abc import Iterable, Iterator
from difflib import get_close_matches

from sqlalchemy import Column, ColumnElement, Connection, Subquery, or_, select, union

from family.errors import NotFoundError
from family.lineage.record import model_name
from family.lineage.tables import decisions, files, heads, models, released, releases

ID = 16
SHORTEST = 6
#: Values in one statement; SQLite takes 32,766.
MANY = 5000


def parts(keys: Iterable[str]) -> Iterator[list[str]]:
    """The keys, as many at a time as one statement takes."""
    waiting = list(keys)
    for at in range(0, len(waiting), MANY):
        yield waiting[at : at + MANY]


def places_of(version: str | None = None) -> Subquery:
    """Which artifact each step of each family has now, or had in its release `version`."""
    if version is None:
        return select(heads).subquery("places")
    columns = (released.c.family, released.c.tier, released.c.step, released.c.key)
    return select(*columns).where(released.c.version == version).subquery("places")


class Names:
    """The names of models at one moment, looked up as they are asked for.

    A model that a family has now is called by its place, `quickstart/nano`; one that was
    superseded by the place that it was made for and its id, `quickstart/nano@1a2b3c4d`.
    """

    def __init__(
        self, connection: Connection, family: str | None = None, version: str | None = None
    ) -> None:
        """`family` goes first where a model has a place in several. With a `version`, places are
        those that the releases of this version have."""
        self._connection = connection
        self._first = family
        self._version = version
        self._places: dict[str, tuple[str, ...]] = {}
        self._made: dict[str, str] = {}

    def learn(self, keys: Iterable[str]) -> None:
        """Look up many models at once, which is quicker than one by one."""
        places = places_of(self._version)
        new = [key for key in dict.fromkeys(keys) if key not in self._places]
        for some in parts(new):
            made = select(models.c.key, models.c.name).where(models.c.key.in_(some))
            known = {row.key: row.name for row in self._connection.execute(made)}
            now: dict[str, list[str]] = {key: [] for key in some}
            for place, key in self._held(places, places.c.key.in_(known)):
                now[key].append(place)
            self._made |= known
            self._places |= {key: tuple(places) for key, places in now.items()}

    def all(self, key: str) -> tuple[str, ...]:
        """Every place that has this model now."""
        self.learn([key])
        return self._places[key]

    def of(self, key: str) -> str:
        """What to call this model; its id if nothing else is known of it."""
        if now := self.all(key):
            return now[0]
        return f"{self._made[key]}@{key[:8]}" if key in self._made else key[:ID]

    def as_asked(self, name: str, key: str) -> str:
        """The model's place that `name` names, if any; what the model is called otherwise."""
        asked = (place for place in self.all(key) if name in (place, _bare(place)))
        return next(asked, self.of(key))

    def resolve(self, name: str) -> str:
        """The key of the model that `name` means.

        `family/tier`, `family/tier/int4`, either without the family where that is enough, either
        at a release (`nano@1.2.0`), at an alias (`nano@production`) or at an id that was
        superseded (`nano@1a2b3c4d`); or at least 6 digits of a model's id or digest, or of one
        of its files' SHA-256. NotFoundError lists the candidates of an ambiguous name, and the
        nearest of an unknown.
        """
        there = self._at(name)
        if key := there.get(name):
            return key
        found = {key for place, key in there.items() if _bare(place) == name}
        found = found or self._released(name) or self._superseded(name) or self._with_digits(name)
        if len(found) == 1:
            return found.pop()
        if found:
            lines = "".join(f"\n  {self.of(key)}  {key[:ID]}" for key in sorted(found, key=self.of))
            raise NotFoundError(f"{name} may mean {len(found)} models; say which:{lines}")
        raise NotFoundError(self._unknown(name))

    def _held(self, places: Subquery, *where: ColumnElement[bool]) -> list[tuple[str, str]]:
        """The models among `places`, each with what it is called there and its key."""
        place = (places.c.family, places.c.tier, places.c.step)
        found = self._connection.execute(
            select(*place, places.c.key)
            .join(models, models.c.key == places.c.key)
            .where(*where)
            .order_by(places.c.family != self._first, *place)
        )
        return [(model_name(*place), key) for *place, key in found]

    def _at(self, name: str, version: str | None = None) -> dict[str, str]:
        """Places that may be called so, with the family or without."""
        places = places_of(version or self._version)
        first = name.partition("/")[0]
        columns = (places.c.family, places.c.tier, places.c.step)
        return dict(self._held(places, or_(*(column == first for column in columns))))

    def _released(self, name: str) -> set[str]:
        """The models that a release of the version or alias behind the `@` has there."""
        place, mark, word = name.partition("@")
        if not mark:
            return set()
        found, meant = set(), self._versions(word)
        for version in {version for _, version in meant}:
            for there, key in self._at(place, version).items():
                family, _, bare = there.partition("/")
                if (family, version) in meant and place in (there, bare):
                    found.add(key)
        return found

    def _versions(self, word: str) -> set[tuple[str, str]]:
        """The releases, by family and version, that a version or an alias means."""
        versions = select(releases.c.family, releases.c.version).where(releases.c.version == word)
        moves = (
            select(decisions.c.family, decisions.c.version)
            .where(decisions.c.alias == word)
            .order_by(decisions.c.number)
        )
        standing = {row.family: row.version for row in self._connection.execute(moves)}
        found = {(row.family, row.version) for row in self._connection.execute(versions)}
        return found | set(standing.items())

    def _superseded(self, name: str) -> set[str]:
        place, mark, digits = name.partition("@")
        if not mark:
            return set()
        found = self._connection.execute(
            select(models.c.key, models.c.name).where(
                *_begins(models.c.key, digits), models.c.name.endswith(place, autoescape=True)
            )
        )
        return {key for key, made in found if place in (made, _bare(made))}

    def _with_digits(self, name: str) -> set[str]:
        if not re.fullmatch(rf"[0-9a-f]{{{SHORTEST},64}}", name):
            return set()
        # Three looks into three indexes: one condition on all three would read every row.
        columns = ((models.c.key, models.c.key), (models.c.key, models.c.digest))
        looks = [select(key).where(*_begins(of, name)) for key, of in columns]
        looks.append(
            select(models.c.key)
            .join(files, files.c.model == models.c.key)
            .where(*_begins(files.c.sha256, name))
        )
        return set(self._connection.scalars(union(*looks)))

    def _unknown(self, name: str) -> str:
        places = [place for place, _ in self._held(places_of(self._version))]
        near = get_close_matches(name, sorted({*places, *map(_bare, places)}), n=3)
        if near:
            return f"{name}: there is no such model. Did you mean {' or '.join(near)}?"
        if not places:
            return f"{name}: no model was built yet. Run `descent build CONFIG` first."
        return f"{name}: there is no such model. There are {', '.join(places)}."


def _bare(place: str) -> str:
    """Without the family."""
    return place.partition("/")[2]


def _begins(column: Column[str], digits: str) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    """Hex digits that begin so: a range, which an index answers and LIKE on SQLite does not."""
    return column >= digits, column < f"{digits}g"
