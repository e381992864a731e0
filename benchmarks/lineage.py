"""How quick is a large index? One is generated, and every question is asked of it.

    python -m benchmarks.lineage [--models 100000] [--postgres URL] [--write]

The index holds families that were rebuilt many times. Each model has five edges on average, and
the newest models of a family descend from nearly all of it: about a thousand edges. Every third
rebuild was released. The flagship is new, and nothing was rebuilt from it yet: all is stale.
"""

import argparse
import itertools
import os
import random
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from sqlalchemy import insert, select

from benchmarks.report import machine, write_section
from family.lineage import tables
from family.lineage.connect import VARIABLE
from family.lineage.database import reading, writing
from family.lineage.queries import Lineage
from family.lineage.record import model_name, record
from family.stage import Edge, ModelFacts, Outcome, digest_json
from family.store import MANIFEST, FileDigest, Manifest, Origin, Store

Row = dict[str, Any]

TIERS = ("mini", "nano", "edge")
REBUILDS = 13
#: Of a family: its flagship and the new one, and for each rebuild of each tier a start, a model
#: and three file sets.
MODELS = 2 + REBUILDS * len(TIERS) * 5
#: Edges of a model to those that wrote its text, so that a model has five on average.
WRITERS = 20
EDGES = REBUILDS * len(TIERS) * (6 + WRITERS)
#: How often each question is asked.
TIMES = 7


def fill(store: Store, count: int) -> list[str]:
    """Generate an index of at least `count` models; the names of its families."""
    chance = random.Random(0)
    families = [f"family{place}" for place in range(-(-count // MODELS))]
    with writing(store) as connection:
        for family in families:
            for table, rows in _rows(family, chance).items():
                if rows:
                    connection.execute(insert(table), rows)
        if connection.dialect.name == "postgresql":
            connection.exec_driver_sql("ANALYZE")  # as its server does by itself after a while
    return families


class _Rows(dict[Any, list[Row]]):
    """Rows by table, of one family."""

    def __init__(self, family: str) -> None:
        super().__init__({table: [] for table in tables.metadata.sorted_tables})
        self.family, self.times = family, 0

    def build(self, tier: str, step: str, **inputs: str) -> str:
        """Add an artifact; its key."""
        self.times += 1
        settings = {"turn": self.times, "tokens": 200_000, "loss": [{"kind": "forward_kl"}]}
        stage = step.partition(":")[0]
        recipe = {"stage": stage, "version": 1, "settings": settings, "inputs": inputs}
        key = digest_json([self.family, recipe])
        self[tables.builds].append(
            {
                "key": key,
                "family": self.family,
                "tier": tier,
                "step": step,
                "digest": digest_json([key]),
                "recipe": recipe,
                "facts": {"licence": "Apache-2.0"} if step == "flagship" else {},
                "started": f"2026-01-01T00:{self.times // 60:02d}:{self.times % 60:02d}+00:00",
                "seconds": 1.0,
                "environment": {"python": "3.11", "processors": 2},
            }
        )
        place = {"family": self.family, "tier": tier, "step": step}
        self[tables.heads] = [row for row in self[tables.heads] if row | place != row]
        self[tables.heads].append({**place, "key": key})
        return key

    def release(self, version: str, *aliases: str) -> None:
        """Freeze what the family has now, and let aliases stand on it."""
        place = {"family": self.family, "version": version}
        by = {"by": "Ada", "note": "", "created": "2026-01-02T00:00:00+00:00"}
        self[tables.releases].append(
            {**place, **by, "change": "minor", "previous": None, "digest": digest_json(place)}
        )
        self[tables.released] += [{**row, "version": version} for row in self[tables.heads]]
        for alias in aliases:
            number = len(self[tables.decisions]) + 1
            move = {"number": number, "kind": "promote", "alias": alias, "subject": None}
            self[tables.decisions].append(
                {**place, **move, "by": "Ada", "reason": "", "at": by["created"]}
            )

    def model(self, tier: str, step: str, edges: list[tuple[str, str]], **inputs: str) -> str:
        key = self.build(tier, step, **inputs)
        build = self[tables.builds][-1]
        own = {name: build[name] for name in ("key", "family", "tier", "step", "digest")}
        self[tables.models].append(
            {
                **own,
                "name": model_name(self.family, tier, step),
                "precision": step.partition(":")[2] or "fp32",
                "parameters": 30_000_000,
                "architecture": "LlamaForCausalLM",
                "shape": {"layers": 8},
                "created": build["started"],
            }
        )
        self[tables.files] += [
            {
                "model": key,
                "path": f"artifacts/{key}/{name}",
                "bytes": 1000,
                "sha256": digest_json([key, name]),
            }
            for name in ("model.onnx", "model.onnx.data", "tokenizer.json")
        ]
        detail = {"tokens": 200_000, "loss": "1 forward_kl"}
        self[tables.edges] += [
            {"child": key, "position": at, "parent": parent, "kind": kind, "detail": detail}
            for at, (kind, parent) in enumerate(edges)
        ]
        return key


def _rows(family: str, chance: random.Random) -> _Rows:
    rows = _Rows(family)
    flagship = rows.model("", "flagship", [], weights=digest_json([family]))
    prompts = rows.build("", "prompts", file=digest_json([family, "prompts"]))
    corpus = rows.build("", "corpus", flagship=flagship, prompts=prompts)
    rows[tables.datasets] += [
        {"key": key, "kind": kind, "train": 1000, "held_out": 100, "tokens": 200_000}
        for key, kind in ((prompts, "prompts"), (corpus, "blocks"))
    ]
    made = [flagship]
    for turn in range(REBUILDS):
        parent = flagship
        for tier in TIERS:
            start = rows.model(tier, "start", [("pruned_from", parent)], parent=parent)
            writers = [("data_generated_by", one) for one in chance.choices(made, k=WRITERS)]
            taught = [("initialised_from", start), ("distilled_from", flagship), *writers]
            sources = {"student": start, "teacher": flagship, "corpus": corpus}
            parent = rows.model(tier, "distill", taught, **sources)
            for precision in ("fp32", "int8", "int4"):
                kind = "exported_from" if precision == "fp32" else "quantized_from"
                rows.model(tier, f"export:{precision}", [(kind, parent)], model=parent)
            source = rows.build(tier, "evaluate", model=parent)
            rows[tables.metrics] += [
                {
                    "source": source,
                    "position": at,
                    "model": parent,
                    "name": name,
                    "value": chance.random(),
                    "n": 1000,
                    "low": 0.1,
                    "high": 0.9,
                    "unit": "tokens",
                    "protocol": digest_json([name]),
                }
                for at, name in enumerate(("bits_per_byte", "kl", "agreement"))
            ]
            made.append(parent)
        if turn % 3 == 2:
            rows.release(f"1.{turn // 3}.0", "candidate", "production")
    rows.model("", "flagship", [], weights=digest_json([family, "new"]))
    return rows


def questions(lineage: Lineage, families: list[str]) -> dict[str, Callable[[], object]]:
    """Every question, about the family in the middle, and the recording of one more model."""
    family = families[len(families) // 2]
    _stand(lineage.store, family)
    edge, int4 = f"{family}/edge", f"{family}/edge/int4"
    first = f"{family}/flagship@{_first(lineage.store, family)[:8]}"
    now, released = lineage.show(edge), lineage.status(family, "production")
    old = lineage.why(edge).earlier
    assert old
    return {
        "families": lambda: lineage.families(),
        "status": lambda: lineage.status(family),
        "status of a release": lambda: lineage.status(family, "1.0.0"),
        "earlier releases": lambda: lineage.earlier(released),
        "releases": lambda: lineage.releases(family),
        "release": lambda: lineage.release(family, "production"),
        "decisions": lambda: lineage.decisions(family),
        "resolve a name": lambda: lineage.resolve(int4),
        "resolve a version": lambda: lineage.resolve(f"{int4}@1.0.0"),
        "resolve an alias": lambda: lineage.resolve(f"{int4}@production"),
        "resolve a digest": lambda: lineage.resolve(now.digest[:12]),
        "resolve a file": lambda: lineage.resolve(now.files[0].sha256),
        "resolve a superseded": lambda: lineage.resolve(first),
        "show": lambda: lineage.show(edge),
        "ancestors": lambda: lineage.ancestors(int4),
        "descendants": lambda: lineage.descendants(first),
        "diff": lambda: lineage.diff(old.key, edge),
        "why": lambda: lineage.why(edge),
        "contains": lambda: lineage.contains(first),
        "stale": lambda: lineage.stale(family),
        "path": lambda: lineage.path(int4, first),
        "graph": lambda: lineage.graph(edge),
        "pedigree": lambda: lineage.pedigree(released),
        "dossier": lambda: lineage.dossier(edge),
        "datasets": lambda: lineage.datasets(edge),
        "licences": lambda: lineage.licences(edge),
        "record a model": _recorder(lineage.store, family),
    }


def _first(store: Store, family: str) -> str:
    """The flagship that all was made from."""
    flagships = select(tables.builds.c.key).where(
        tables.builds.c.family == family, tables.builds.c.step == "flagship"
    )
    with reading(store) as connection:
        return connection.scalars(flagships.order_by(tables.builds.c.started)).first() or ""


def _stand(store: Store, family: str) -> None:
    """Put a manifest where the store is looked into: for what the family has or released."""
    with reading(store) as connection:
        for table in (tables.heads, tables.released):
            for key in connection.scalars(select(table.c.key).where(table.c.family == family)):
                store.folder(key).mkdir(exist_ok=True)
                (store.folder(key) / MANIFEST).touch()


def _recorder(store: Store, family: str) -> Callable[[], object]:
    """Records another model at each call, with five edges and ten files, in a tier of its own."""
    parents = {f"parent{place}": digest_json([family, place]) for place in range(5)}
    turns = itertools.count()

    def once() -> None:
        recipe = {"stage": "distill", "version": 1, "settings": {"turn": next(turns)}}
        key = digest_json([family, recipe])
        made = Manifest(
            key=key,
            recipe={**recipe, "inputs": parents},
            files={f"{at}.bin": FileDigest(bytes=1, sha256=digest_json(at)) for at in range(10)},
            outcome=Outcome(
                model=ModelFacts(
                    parameters=1, architecture="LlamaForCausalLM", precision="fp32", shape={}
                ),
                edges=tuple(Edge(kind="data_generated_by", parent=name) for name in parents),
            ),
            origin=Origin(
                family=family,
                tier="another",
                step="start",
                started="2026-01-03T00:00:00+00:00",
                seconds=1,
            ),
        )
        record(store, made, family, "another", "start")

    return once


def milliseconds(
    ask: Callable[[], object], clock: Callable[[], float] = time.process_time
) -> Iterator[float]:
    """How long a question takes, again and again; in the processor's time, or by `clock`."""
    for _ in range(TIMES):
        began = clock()
        ask()
        yield 1000 * (clock() - began)


def _asked(count: int, clock: Callable[[], float]) -> tuple[str, dict[str, float]]:
    """How much was generated, and the median of each question, in milliseconds."""
    with tempfile.TemporaryDirectory() as folder:
        store = Store(Path(folder) / "store")
        families = fill(store, count)
        size = f"{len(families) * MODELS:,} models and {len(families) * EDGES:,} edges"
        asked = questions(Lineage(store), families)
        return size, {
            name: statistics.median(milliseconds(ask, clock)) for name, ask in asked.items()
        }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--models", type=int, default=100_000)
    parser.add_argument("--postgres", metavar="URL", help="an empty database, to compare with")
    parser.add_argument("--write", action="store_true", help="into docs/BENCHMARKS.md")
    asked = parser.parse_args()
    os.environ.pop(VARIABLE, None)
    size, here = _asked(asked.models, time.process_time)
    there: dict[str, float] = {}
    if asked.postgres:
        os.environ[VARIABLE] = asked.postgres
        _, there = _asked(asked.models, time.perf_counter)
    lines = [
        f"{size}; the median of {TIMES} times, in milliseconds: of the processor on SQLite, and by "
        f"the clock on PostgreSQL, whose server is another process. {machine()}",
        "",
        "| question | SQLite, ms | PostgreSQL, ms |",
        "| --- | ---: | ---: |",
    ]
    for name, value in here.items():
        lines.append(f"| {name} | {value:.1f} | {f'{there[name]:.1f}' if there else '-'} |")
    print("\n".join(lines))
    if asked.write:
        write_section("A large index", "python -m benchmarks.lineage", "\n".join(lines))


if __name__ == "__main__":
    main()
