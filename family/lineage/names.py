"""What models are called now, and which model a name means."""

import re
from difflib import get_close_matches

from sqlalchemy import Connection, or_, select

from family.errors import NotFoundError
from family.lineage.record import model_name
from family.lineage.tables import files, heads, models

ID = 16
SHORTEST = 6


class Names:
    """The names of all models at one moment.

    A model that a family has now is called by its place, `quickstart/nano`; one that was
    superseded by the place that it was made for and its id, `quickstart/nano@1a2b3c4d`.
    """

    def __init__(self, connection: Connection, family: str | None = None) -> None:
        """`family` goes first where a model has a place in several."""
        self._connection = connection
        now = connection.execute(
            select(heads.c.family, heads.c.tier, heads.c.step, heads.c.key)
            .join(models, models.c.key == heads.c.key)
            .order_by(heads.c.family != family, heads.c.family, heads.c.tier, heads.c.step)
        ).all()
        self.places: dict[str, str] = {model_name(*place): key for *place, key in now}
        self._made: dict[str, str] = {
            row.key: row.name for row in connection.execute(select(models.c.key, models.c.name))
        }

    def all(self, key: str) -> tuple[str, ...]:
        """Every place that has this model now."""
        return tuple(place for place, held in self.places.items() if held == key)

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

        `family/tier`, `family/tier/int4`, either without the family where that is enough, or
        at least 6 digits of a model's id or digest, or of one of its files' SHA-256.
        NotFoundError lists the candidates of an ambiguous name, and the nearest of an unknown.
        """
        if key := self.places.get(name):
            return key
        found = {key for place, key in self.places.items() if _bare(place) == name}
        found = found or self._superseded(name) or self._with_digits(name)
        if len(found) == 1:
            return found.pop()
        if found:
            lines = "".join(f"\n  {self.of(key)}  {key[:ID]}" for key in sorted(found, key=self.of))
            raise NotFoundError(f"{name} may mean {len(found)} models; say which:{lines}")
        raise NotFoundError(self._unknown(name))

    def _superseded(self, name: str) -> set[str]:
        place, mark, digits = name.partition("@")
        return {
            key
            for key, made in self._made.items()
            if mark and place in (made, _bare(made)) and key.startswith(digits)
        }

    def _with_digits(self, name: str) -> set[str]:
        if not re.fullmatch(rf"[0-9a-f]{{{SHORTEST},64}}", name):
            return set()
        found = self._connection.scalars(
            select(models.c.key)
            .join(files, files.c.model == models.c.key, isouter=True)
            .where(
                or_(
                    models.c.key.startswith(name),
                    models.c.digest.startswith(name),
                    files.c.sha256.startswith(name),
                )
            )
        )
        return set(found)

    def _unknown(self, name: str) -> str:
        bare = [_bare(place) for place in self.places]
        near = get_close_matches(name, sorted({*self.places, *bare}), n=3)
        if near:
            return f"{name}: there is no such model. Did you mean {' or '.join(near)}?"
        if not self.places:
            return f"{name}: no model was built yet. Run `descent build CONFIG` first."
        return f"{name}: there is no such model. There are {', '.join(self.places)}."


def _bare(place: str) -> str:
    """Without the family."""
    return place.partition("/")[2]
