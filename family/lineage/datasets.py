"""The data that a model was taught with, from the prompts on, and whose words they are."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from sqlalchemy import Connection, RowMapping, select

from family.lineage.digest import KINDS, builds_of
from family.lineage.names import ID, Names, parts
from family.lineage.record import model_name
from family.lineage.said import NOT_STATED, words
from family.lineage.tables import builds, datasets, models
from family.lineage.views import Dataset
from family.lineage.ways import ways_up
from family.spec import DATA, service_of


def data_of(connection: Connection, pupils: Sequence[str]) -> dict[str, str]:
    """Every set of data that models were taught with, straight or through another set, by key;
    and the first of those models."""
    inputs = {row.key: row.recipe["inputs"].values() for row in builds_of(connection, pupils)}
    waiting = {above: one for one in reversed(pupils) for above in inputs.get(one, ())}
    found: dict[str, str] = {}
    while waiting:
        held = [row for row in _sets(connection, waiting) if row["key"] not in found]
        found |= {row["key"]: waiting[row["key"]] for row in held}
        waiting = {
            above: waiting[row["key"]] for row in held for above in row["recipe"]["inputs"].values()
        }
    return found


def data_names(connection: Connection, keys: Iterable[str]) -> dict[str, str]:
    """What sets of data are called: `quickstart/prompts`."""
    return {row["key"]: _name(row) for row in _sets(connection, keys)}


def datasets_of(connection: Connection, names: Names, key: str, store: Path) -> Iterator[Dataset]:
    """The data that a model, or one that it came from, was taught with; prompts first."""
    used = data_of(connection, ways_up(connection, key)[1])
    rows = sorted(_sets(connection, used), key=lambda row: (KINDS.index(row["kind"]), row["key"]))
    called = {row["key"]: _name(row) for row in rows}
    said = words(connection, key, used)
    for row in rows:
        inputs = row["recipe"]["inputs"].values()
        licensed = row["step"] in DATA or row["key"] in said
        licence = said.get(row["key"], {}).get("licence", NOT_STATED)
        yield Dataset(
            id=row["key"][:ID],
            name=_name(row),
            kind=row["kind"],
            digest=row["digest"],
            licence=licence if licensed else None,
            train=row["train"],
            held_out=row["held_out"],
            tokens=row["tokens"],
            made_from=tuple(called[one] for one in inputs if one in called),
            generated_by=_author(connection, names, row),
            taught=names.of(used[row["key"]]),
            folder=str(store / "artifacts" / row["key"]),
        )


def _author(connection: Connection, names: Names, row: RowMapping) -> str | None:
    """The model or the service that wrote a set of answers."""
    if row["recipe"]["stage"] != "responses":
        return None
    if service := service_of(row["recipe"]["settings"]):
        return service
    inputs: Mapping[str, str] = row["recipe"]["inputs"]
    author = select(models.c.key).where(models.c.key.in_(inputs.values()))
    found = connection.scalar(author)
    return names.of(found) if found else None


def _sets(connection: Connection, keys: Iterable[str]) -> Iterator[RowMapping]:
    """Those of `keys` that are sets of data, with how they were made."""
    columns = (builds.c.family, builds.c.tier, builds.c.step, builds.c.digest, builds.c.recipe)
    query = select(datasets, *columns).join(builds)
    for some in parts(keys):
        yield from connection.execute(query.where(datasets.c.key.in_(some))).mappings()


def _name(row: RowMapping) -> str:
    return model_name(row["family"], row["tier"], row["step"])
