"""What can be asked of the index. "Now" means the heads, never the latest time."""

from difflib import get_close_matches

from sqlalchemy import Connection, select

from family.errors import NotFoundError
from family.lineage import graph
from family.lineage.agree import agree, agree_on
from family.lineage.changes import Diff, Why, diff, why
from family.lineage.database import reading
from family.lineage.datasets import datasets_of
from family.lineage.dossier import Dossier, dossier
from family.lineage.follow import follow
from family.lineage.graph import Graph
from family.lineage.licences import Licences, licences
from family.lineage.names import ID, Names
from family.lineage.now import status
from family.lineage.read import (
    contained,
    edges_of,
    figures_of,
    files_of,
    path,
    shared_ancestors,
)
from family.lineage.released import (
    Decided,
    ReleaseView,
    decisions_of,
    release_of,
    releases_of,
)
from family.lineage.stale import Stale, stale
from family.lineage.tables import builds, heads, models
from family.lineage.views import Contained, Dataset, LineageEdge, ModelCard, ModelRef, Status
from family.store import Store


class Lineage:
    """Reads a store's index. An answer that hands out files is given only if the store has them.

    Of a shared store it knows what others had left there when it was opened."""

    def __init__(self, store: Store) -> None:
        follow(store)
        self.store = store

    def families(self) -> list[str]:
        """The families of this store."""
        with reading(self.store) as connection:
            return _families(connection)

    def status(self, family: str | None = None, version: str | None = None) -> Status:
        """The family as it is now, or as the release of a version or alias has it.

        If no family is named, the only one that there is."""
        with reading(self.store) as connection:
            family = self._which(connection, family)
            if version:
                version = release_of(connection, family, version).version
            agree_on(connection, self.store, family, version)
            return status(connection, family, self.store.root, version)

    def releases(self, family: str | None = None) -> tuple[ReleaseView, ...]:
        """Every release of a family, the highest version first."""
        with reading(self.store) as connection:
            return releases_of(connection, self._which(connection, family))

    def earlier(self, status: Status) -> tuple[Status, ...]:
        """The family as each release before this one had it, the lowest version first."""
        versions = [release.version for release in reversed(self.releases(status.family))]
        if status.version:
            versions = versions[: versions.index(status.version)]
        return tuple(self.status(status.family, version) for version in versions)

    def release(self, family: str | None, name: str) -> ReleaseView:
        """The release that a version or an alias means."""
        with reading(self.store) as connection:
            return release_of(connection, self._which(connection, family), name)

    def decisions(self, family: str | None = None) -> tuple[Decided, ...]:
        """Everything that people decided about a family, in order."""
        with reading(self.store) as connection:
            return decisions_of(connection, self._which(connection, family))

    def resolve(self, name: str) -> ModelRef:
        """Which model a name means; see `Names.resolve` for what may be named and how."""
        with reading(self.store) as connection:
            names = Names(connection)
            key = names.resolve(name)
            agree(self.store, name, key, indexed=True)
            return ModelRef(
                model=key[:ID],
                key=key,
                name=names.as_asked(name, key),
                folder=str(self.store.folder(key)),
            )

    def show(self, name: str) -> ModelCard:
        """Everything that is known about one model."""
        with reading(self.store) as connection:
            names = Names(connection)
            key = names.resolve(name)
            agree(self.store, name, key, indexed=True)
            model = connection.execute(select(models).where(models.c.key == key)).one()
            build = connection.execute(select(builds).where(builds.c.key == key)).one()
            return ModelCard(
                model=key[:ID],
                key=key,
                name=names.as_asked(name, key),
                names=names.all(key),
                precision=model.precision,
                parameters=model.parameters,
                architecture=model.architecture,
                shape=model.shape,
                digest=model.digest,
                folder=str(self.store.folder(key)),
                files=tuple(files_of(connection, key, self.store.root)),
                metrics=tuple(figures_of(connection, key)),
                parents=tuple(edges_of(connection, names, key, "up", deep=False)),
                children=tuple(edges_of(connection, names, key, "down", deep=False)),
                data=tuple(datasets_of(connection, names, key, self.store.root)),
                recipe=build.recipe,
                facts=build.facts,
                created=build.started,
                seconds=build.seconds,
                energy_joules=build.energy_joules,
                seed=build.seed,
                environment=build.environment,
                prefect_run_id=build.prefect_run_id,
            )

    def ancestors(self, name: str) -> tuple[LineageEdge, ...]:
        """Every edge from a model up to the leaves, the nearest first."""
        with reading(self.store) as connection:
            names = Names(connection)
            return tuple(edges_of(connection, names, names.resolve(name), "up"))

    def descendants(self, name: str) -> tuple[LineageEdge, ...]:
        """Every edge from a model down to what came of it, superseded models included."""
        with reading(self.store) as connection:
            names = Names(connection)
            return tuple(edges_of(connection, names, names.resolve(name), "down"))

    def diff(self, before: str, after: str) -> Diff:
        """What differs between two models: causes, edges, figures and machines."""
        with reading(self.store) as connection:
            names = Names(connection)
            return diff(connection, names, names.resolve(before), names.resolve(after))

    def why(self, name: str) -> Why:
        """What made a model's key new against the artifact before it in the same place."""
        with reading(self.store) as connection:
            names = Names(connection)
            return why(connection, names, names.resolve(name))

    def contains(self, name: str) -> tuple[Contained, ...]:
        """Every set of shipped files that a model went into, superseded ones last."""
        with reading(self.store) as connection:
            names = Names(connection)
            found = contained(connection, names, names.resolve(name), self.store.root)
            return tuple(sorted(found, key=lambda one: (not one.now, one.name)))

    def stale(self, family: str | None = None) -> tuple[Stale, ...]:
        """What a family has, or an alias stands on, that came of what the family has no longer."""
        with reading(self.store) as connection:
            return stale(connection, self.store, self._which(connection, family))

    def path(self, one: str, other: str) -> tuple[LineageEdge, ...]:
        """The shortest way between a model and one that it came from, from the younger up.

        NotFoundError, with what both came from, if neither came from the other."""
        with reading(self.store) as connection:
            names = Names(connection)
            ends = names.resolve(one), names.resolve(other)
            for younger, elder in (ends, ends[::-1]):
                if (found := path(connection, names, younger, elder)) is not None:
                    return tuple(found)
            both = shared_ancestors(connection, names, *ends)
            hint = f"Both came from {', '.join(both)}." if both else "They share no ancestor."
            raise NotFoundError(f"Neither of {one} and {other} came from the other. {hint}")

    def graph(self, name: str | None = None) -> Graph:
        """All around one model, or without a name every model that a family has now."""
        with reading(self.store) as connection:
            names = Names(connection)
            if name is None:
                return graph.now(connection, names)
            return graph.around(connection, names, names.resolve(name))

    def pedigree(self, status: Status) -> Graph:
        """Every model that a family has, now or in a release, and what it came from."""
        with reading(self.store) as connection:
            names = Names(connection, status.family, status.version)
            return graph.now(connection, names, status.family, status.version)

    def dossier(self, name: str) -> Dossier:
        """All that is known of a model and of what it came from: what cards and bills tell."""
        with reading(self.store) as connection:
            names = Names(connection)
            return dossier(connection, names, names.resolve(name), self.store.root)

    def datasets(self, name: str) -> tuple[Dataset, ...]:
        """The data that a model, or one that it came from, was taught with; prompts first."""
        with reading(self.store) as connection:
            names = Names(connection)
            key = names.resolve(name)
            return tuple(datasets_of(connection, names, key, self.store.root))

    def licences(self, name: str) -> Licences:
        """Every licence that reaches a model, and whether what it asks for is met."""
        with reading(self.store) as connection:
            names = Names(connection)
            return licences(connection, names, names.resolve(name), self.store.root)

    def _which(self, connection: Connection, family: str | None) -> str:
        there = _families(connection)
        if family in there:
            return family
        for behind in self.store.families():
            if behind == family or not there:
                agree_on(connection, self.store, behind)
        if not there:
            raise NotFoundError("No family was built yet. Run `descent build CONFIG` first.")
        if family is None:
            if len(there) == 1:
                return there[0]
            raise NotFoundError(f"There are {len(there)} families; name one: {', '.join(there)}.")
        near = get_close_matches(family, there, n=1)
        hint = f"Did you mean {near[0]}?" if near else f"There is {', '.join(there)}."
        raise NotFoundError(f"{family}: there is no such family. {hint}")


def _families(connection: Connection) -> list[str]:
    return list(connection.scalars(select(heads.c.family).distinct().order_by(heads.c.family)))
