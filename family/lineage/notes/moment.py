"""A family at one moment, with the keys of its steps."""

from dataclasses import dataclass

from sqlalchemy import Connection, select

from family.lineage.names import places_of
from family.lineage.tables import builds
from family.lineage.views import Member, Status


@dataclass(frozen=True)
class Moment:
    """What a family is, or was in a release."""

    status: Status
    places: dict[str, str]
    """`tier/step` -> key; shared steps have an empty tier."""

    @property
    def models(self) -> dict[str, str]:
        """The key of each tier's model."""
        return {tier.tier: self.places[f"{tier.tier}/distill"] for tier in self.status.tiers}

    def tier(self, name: str) -> Member | None:
        """The tier of this name."""
        return next((tier for tier in self.status.tiers if tier.tier == name), None)

    def steps(self, tier: str) -> dict[str, str]:
        """The steps of one tier, by name."""
        parts = ((place.partition("/"), key) for place, key in self.places.items())
        return {step: key for (of, _, step), key in parts if of == tier}


def moment(connection: Connection, status: Status) -> Moment:
    """The steps behind a status; those whose artifacts are gone are left out."""
    places = places_of(status.version)
    rows = connection.execute(
        select(places.c.tier, places.c.step, places.c.key)
        .join(builds, builds.c.key == places.c.key)
        .where(places.c.family == status.family)
        .order_by(places.c.tier, places.c.step)
    )
    return Moment(status, {f"{row.tier}/{row.step}": row.key for row in rows})
