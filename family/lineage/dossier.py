"""All that the records know of one model, gathered for what is told of it: its card, its bill.

Models are called by what they were made as, which never changes, not by the place that a family
gives them now: what is told of a release stays the same after the next one.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path, PurePath

from pydantic import Field, JsonValue
from sqlalchemy import Connection, select, union

from family.lineage.datasets import datasets_of
from family.lineage.digest import builds_of, data_above, lineage_digest
from family.lineage.licences import Licences, licences
from family.lineage.names import ID, Names
from family.lineage.read import edges_of, figures_of, files_of, line
from family.lineage.said import BASE, FLAGSHIP, words
from family.lineage.tables import builds, edges, heads, metrics, models, released
from family.lineage.views import Dataset, LineageEdge, Measured, ModelFile, View
from family.stage import OUTPUTS, Scalar

MEMBERS = (FLAGSHIP, BASE, "distill")
EXPORT = "export:"


class Described(Measured):
    """One model: what it is, and what was measured about it."""

    model: str
    name: str = Field(description="What it was made as: `quickstart/edge/int4`.")
    family: str
    tier: str
    step: str
    precision: str
    parameters: int
    architecture: str
    digest: str = Field(description="SHA-256 over the names and digests of its files.")
    files: tuple[ModelFile, ...] = Field(description="Paths are relative to the model's folder.")
    created: str = Field(description="When its making began; UTC, ISO 8601.")
    seed: int | None
    environment: dict[str, Scalar]

    @property
    def bytes(self) -> int:
        """Of all its files."""
        return sum(file.bytes for file in self.files)

    @property
    def slug(self) -> str:
        """Its name in letters, digits, `-` and `_` alone."""
        return self.name.replace("/", "-")

    @property
    def exported(self) -> bool:
        """Whether it is a set of files for a device, not a checkpoint."""
        return self.step.startswith(EXPORT)

    @property
    def classifies(self) -> bool:
        """Whether it labels rows instead of writing text."""
        return self.architecture.endswith("ForSequenceClassification")


class Conditions(View):
    """How some of a model's figures were taken, and on what."""

    step: str
    settings: dict[str, JsonValue]
    environment: dict[str, Scalar]


class Dossier(View):
    """One model with all that it came from."""

    model: Described
    about: dict[str, str] = Field(description="What people say about its family.")
    edges: tuple[LineageEdge, ...] = Field(description="Up to the leaves, the nearest first.")
    elders: tuple[Described, ...] = Field(description="The models above it, the nearest first.")
    exports: tuple[Described, ...] = Field(
        description="The sets of files made of it, the largest first."
    )
    data: tuple[Dataset, ...] = Field(description="What it was taught with, prompts first.")
    prompt: str = Field(description="One of the kind that it was taught with.")
    conditions: tuple[Conditions, ...]
    licences: Licences
    lineage: str = Field(description="The lineage digest; see `family.lineage.digest`.")

    @property
    def base(self) -> Described | None:
        """The nearest member of a family, or flagship, whose weights this model took over."""
        elders = {one.model: one for one in self.elders}
        above = {e.child: e.parent for e in self.edges[::-1] if e.kind not in OUTPUTS}
        at = above.get(self.model.model)
        while at and not (at in elders and elders[at].step in MEMBERS):
            at = above.get(at)
        return elders[at] if at else None

    @property
    def binding(self) -> tuple[str, ...]:
        """The licences whose terms go with the model; one that only forbids goes with none."""
        owed = (one.licence for one in self.licences.obligations if one.kind != "forbid")
        return tuple(dict.fromkeys(owed))

    @property
    def root(self) -> Described | None:
        """The model that everything began with, which people's words are about."""
        line = (self.model, *self.elders)
        return next((one for step in (BASE, FLAGSHIP) for one in line if one.step == step), None)

    def title(self, model: str, name: str) -> str:
        """How the makers of the root call it; the name itself of anything else."""
        return self.about.get("name", name) if self.root and model == self.root.model else name


def dossier(connection: Connection, names: Names, key: str, store: Path) -> Dossier:
    """Gather what is known of the model `key`."""
    keys = {row["parent"][:ID]: row["parent"] for row in line(connection, key, "up")}
    up = tuple(edges_of(connection, names, key, "up"))
    above = [key, *(keys[parent] for parent in dict.fromkeys(edge.parent for edge in up))]
    model, *elders = _described(connection, above)
    made = {one.model: one.name for one in (model, *elders)}
    return Dossier(
        model=model,
        about=next(iter(words(connection, key, above).values()), {}),
        edges=tuple(
            edge.model_copy(
                update={
                    "child_name": made.get(edge.child, edge.child),
                    "parent_name": made.get(edge.parent, edge.parent),
                }
            )
            for edge in up
        ),
        elders=tuple(elders),
        exports=tuple(
            sorted(
                _described(connection, _exports(connection, key)),
                key=lambda one: (-one.bytes, one.name, one.model),
            )
        ),
        data=tuple(datasets_of(connection, names, key, store)),
        prompt=_prompt(connection, key),
        conditions=tuple(_conditions(connection, key)),
        licences=licences(connection, names, key, store),
        lineage=lineage_digest(connection, key),
    )


def _described(connection: Connection, keys: Iterable[str]) -> Iterator[Described]:
    """The models of these keys, in their order; those that the index lacks are left out."""
    query = select(models, builds.c.seed, builds.c.environment).join(builds)
    for key in keys:
        for row in connection.execute(query.where(models.c.key == key)).mappings():
            told = {name: row[name] for name in Described.model_fields if name in row}
            yield Described(
                **told,
                model=key[:ID],
                files=tuple(_inside(file, key) for file in files_of(connection, key, Path())),
                metrics=tuple(figures_of(connection, key)),
            )


def _inside(file: ModelFile, key: str) -> ModelFile:
    path = PurePath(file.path).relative_to(f"artifacts/{key}")
    return file.model_copy(update={"path": path.as_posix()})


def _exports(connection: Connection, key: str) -> Iterable[str]:
    """The exports of a model that a family has now or had in a release."""
    children = select(edges.c.child).where(edges.c.parent == key)
    shipped = union(select(heads.c.key), select(released.c.key))
    return connection.scalars(
        select(models.c.key).where(
            models.c.key.in_(children),
            models.c.key.in_(shipped),
            models.c.step.startswith(EXPORT),
        )
    )


def _prompt(connection: Connection, key: str) -> str:
    """The first one that a family file spells out; a greeting where it names a file of them."""
    made = builds_of(connection, (row.key for row in data_above(connection, [key])))
    for row in sorted(made, key=lambda row: row.key):
        match row.recipe["settings"]:
            case {"requests": [str(request), *_], "topics": [str(topic), *_]}:
                return request.replace("{topic}", topic)
    return "Hello!"


def _conditions(connection: Connection, key: str) -> Iterator[Conditions]:
    """Of every step that measured the model; equal ones once."""
    sources = select(metrics.c.source).where(metrics.c.model == key)
    found = connection.execute(select(builds).where(builds.c.key.in_(sources)))
    told: list[Conditions] = []
    for row in sorted(found, key=lambda row: (row.step, row.key)):
        one = Conditions(
            step=row.step, settings=row.recipe["settings"], environment=row.environment
        )
        if one not in told:
            told.append(one)
            yield one
