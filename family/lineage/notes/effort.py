"""What teaching and training took, and on which data, read off the recipes above each tier."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from sqlalchemy import Connection, Row, select

from family.lineage.digest import KINDS, builds_of
from family.lineage.names import ID
from family.lineage.notes.data import DataNotes, Effort
from family.lineage.record import model_name
from family.lineage.tables import datasets, models
from family.spec import service_of
from family.stage import Scalar

TEACHING = ("responses", "signal")
TRAINING = ("start", "distill")
#: The inputs of a step by which a model teaches.
TEACHERS = {"responses": ("flagship",), "signal": ("teacher",), "distill": ("teacher", "generator")}
PROCESSOR = "processor"
MACHINE = (PROCESSOR, "accelerator")
Build = Row[Any]


class Work:
    """The artifacts that tiers were made with, the models that taught them left out."""

    def __init__(self, connection: Connection, tiers: Mapping[str, str]) -> None:
        """`tiers` are the keys of the tiers' models, by name."""
        self.connection = connection
        self.builds: dict[str, Build] = {}
        self.tiers: dict[str, list[str]] = {}
        for tier, key in tiers.items():
            for build in self._below(key):
                self.builds[build.key] = build
                self.tiers.setdefault(build.key, []).append(tier)

    def _below(self, key: str) -> Iterator[Build]:
        """A model's build, its start's, and those of all that is no model itself."""
        seen, waiting = {key}, [key]
        while waiting:
            found = list(builds_of(self.connection, waiting))
            yield from found
            above = {one for build in found for one in build.recipe["inputs"].values()} - seen
            starts = {build.recipe["inputs"].get("student") for build in found}
            strangers = self._models(above) - starts
            waiting = sorted(above - strangers)
            seen |= above

    def _models(self, keys: Iterable[str]) -> set[str | None]:
        return set(self.connection.scalars(select(models.c.key).where(models.c.key.in_(keys))))

    def efforts(self, stages: Iterable[str], before: "Work | None") -> Iterator[Effort]:
        """What the steps of these stages took: what tiers share first, then tier by tier."""
        rows = {row.key: row for row in self._datasets()}
        for stage in stages:
            for build in self.builds.values():
                if build.recipe["stage"] == stage:
                    yield self._effort(build, rows.get(build.key), before)

    def _effort(self, build: Build, data: Build | None, before: "Work | None") -> Effort:
        stage = build.recipe["stage"]
        inputs = [build.recipe["inputs"].get(name) for name in TEACHERS.get(stage, ())]
        service = service_of(build.recipe["settings"])
        teachers = tuple(self._called(dict.fromkeys(key for key in inputs if key)))
        return Effort(
            step=f"{build.tier or 'family'} · {build.step.replace(':', ' ')}",
            artifact=build.key[:ID],
            tiers=tuple(self.tiers[build.key]),
            teachers=(service,) if service else teachers,
            counted={**_counts(data), **build.facts},
            seconds=build.seconds,
            joules=build.energy_joules,
            machine=", ".join(
                str(build.environment[name]) for name in MACHINE if name in build.environment
            ),
            anew=build.key not in before.builds if before else None,
        )

    def _called(self, keys: Iterable[str]) -> Iterator[str]:
        """Members of the family by their tier."""
        made = {build.key: build for build in builds_of(self.connection, keys)}
        for key in keys:
            yield (made[key].tier or made[key].step) if key in made else key[:ID]

    def data(self) -> Iterator[DataNotes]:
        """The data sets among the artifacts, in the order in which one was made of another."""
        for row in sorted(self._datasets(), key=lambda row: (KINDS.index(row.kind), row.key)):
            build = self.builds[row.key]
            yield DataNotes(
                name=model_name("", build.tier, build.step),
                artifact=row.key[:ID],
                kind=row.kind,
                train=row.train,
                held_out=row.held_out,
                tokens=row.tokens,
                digest=build.digest,
                tiers=tuple(self.tiers[row.key]),
            )

    def _datasets(self) -> list[Build]:
        found = select(datasets).where(datasets.c.key.in_(self.builds)).order_by(datasets.c.key)
        return list(self.connection.execute(found))


def _counts(data: Build | None) -> dict[str, Scalar]:
    if data is None:
        return {}
    found = {"train": data.train, "held_out": data.held_out, "tokens": data.tokens}
    return {name: value for name, value in found.items() if value is not None}
