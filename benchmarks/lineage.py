"""How quick is a large index? One is generated, and every question is asked of it.

    python -m benchmarks.lineage [--models 100000] [--write]

The index holds families that were rebuilt many times. Each model has five edges on average, and
the newest models of a family descend from nearly all of it: about a thousand edges.
"""

import argparse
import random
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from sqlalchemy import insert

from benchmarks.report import machine, write_section
from family.lineage import tables
from family.lineage.database import writing
from family.lineage.queries import Lineage
from family.lineage.record import model_name
from family.stage import digest_json
from family.store import Store

Row = dict[str, Any]

TIERS = ("mini", "nano", "edge")
REBUILDS = 13
#: A flagship, and for each rebuild of each tier a start, a model and three file sets.
MODELS = 1 + REBUILDS * len(TIERS) * 5
#: Edges of a model to those that wrote its text, so that a model has five on average.
WRITERS = 19
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
    return families


class _Rows(dict[Any, list[Row]]):
    """Rows by table, of one family."""

    def __init__(self, family: str) -> None:
        super().__init__({table: [] for table in tables.metadata.sorted_tables})
        del self[tables.verdicts]
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
    made = [flagship]
    for _ in range(REBUILDS):
        parent = flagship
        for tier in TIERS:
            start = rows.model(tier, "start", [("pruned_from", parent)], parent=parent)
            writers = [("data_generated_by", one) for one in chance.choices(made, k=WRITERS)]
            taught = [("initialised_from", start), ("distilled_from", flagship), *writers]
            parent = rows.model(tier, "distill", taught, student=start, teacher=flagship)
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
    return rows


def questions(lineage: Lineage, families: list[str]) -> dict[str, Callable[[], object]]:
    """Every question, about the family in the middle."""
    family = families[len(families) // 2]
    edge, int4 = f"{family}/edge", f"{family}/edge/int4"
    now = lineage.show(edge)
    old = lineage.why(edge).earlier
    assert old
    return {
        "status": lambda: lineage.status(family),
        "resolve a name": lambda: lineage.resolve(int4),
        "resolve a digest": lambda: lineage.resolve(now.digest[:12]),
        "resolve a file": lambda: lineage.resolve(now.files[0].sha256),
        "resolve a superseded": lambda: lineage.resolve(old.name),
        "show": lambda: lineage.show(edge),
        "ancestors": lambda: lineage.ancestors(int4),
        "descendants": lambda: lineage.descendants(f"{family}/flagship"),
        "diff": lambda: lineage.diff(old.key, edge),
        "why": lambda: lineage.why(edge),
        "contains": lambda: lineage.contains(f"{family}/flagship"),
        "path": lambda: lineage.path(int4, f"{family}/flagship"),
        "graph": lambda: lineage.graph(edge),
        "licences": lambda: lineage.licences(edge),
    }


def milliseconds(ask: Callable[[], object]) -> Iterator[float]:
    """How long a question takes, again and again, in the processor's time."""
    for _ in range(TIMES):
        clock = time.process_time()
        ask()
        yield 1000 * (time.process_time() - clock)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--models", type=int, default=100_000)
    parser.add_argument("--write", action="store_true", help="into docs/BENCHMARKS.md")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        store = Store(Path(folder) / "store")
        families = fill(store, asked.models)
        lines = [
            f"{len(families) * MODELS:,} models and {len(families) * EDGES:,} edges on SQLite; the "
            f"median of {TIMES} times, in milliseconds of the processor. {machine()}",
            "",
            "| question | ms |",
            "| --- | ---: |",
        ]
        for name, ask in questions(Lineage(store), families).items():
            lines.append(f"| {name} | {statistics.median(milliseconds(ask)):.1f} |")
    print("\n".join(lines))
    if asked.write:
        write_section("A large index", "python -m benchmarks.lineage", "\n".join(lines))


if __name__ == "__main__":
    main()
