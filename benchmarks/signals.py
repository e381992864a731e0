"""What a codec costs and what it loses: the same student taught from each, at equal tokens.

    python -m benchmarks.signals wikitext-2/valid.txt [--tokens 60000] [--seeds 3] [--write]

On WikiText's articles, where a teacher is less sure of itself than on its own answers. Each student
has the same start, the same blocks in the same order and the same number of tokens as the one that
is taught from dense odds with the same seed; the ratio of their held-out KL is taken seed by seed.
The bound: within 2 % at no more than 64 bytes a token.

`--write` puts the table into docs/BENCHMARKS.md.
"""

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import mean, stdev
from typing import Any

import yaml

from benchmarks.controls import measured
from benchmarks.report import machine, write_section
from benchmarks.text import QUICKSTART, articles
from family.leaves import leaves
from family.load import load
from family.plan import steps
from family.spec import Codec, Dense, FamilySpec, Sampled, TopK
from family.store import Store
from flows.stages import STAGES

CODECS: tuple[Codec, ...] = (
    Dense(kind="dense"),
    *(TopK(kind="top_k", k=k) for k in (8, 16, 21)),
    *(Sampled(kind="sampled", draws=draws) for draws in (16, 32, 64)),
)
BYTES, RISE = 64, 1.02
#: Half of a 95 % interval of a mean, in standard errors, by the number of values (Student's t).
T95 = {2: 12.71, 3: 4.30, 4: 3.18, 5: 2.78}


def family(rows: Path, codec: Codec, tokens: int, seeds: int) -> FamilySpec:
    """A tier for each seed, taught from one codec."""
    tier: dict[str, Any] = {"start": {"kind": "prune", "shape": {"layers": 7}}, "export": []}
    distill = {"tokens": tokens, "loss": [{"kind": "forward_kl"}]}
    data = {
        "family": "signals",
        "flagship": yaml.safe_load(QUICKSTART.read_text())["flagship"],
        "text": {"path": str(rows), "held_out": 0.2, "licence": "CC-BY-SA-4.0"},
        "corpus": {"block": 256},
        "signal": {"codec": codec.model_dump()},
        "vocabulary": {"kind": "trimmed"},
        "tiers": {
            f"seed-{seed}": {**tier, "distill": {**distill, "seed": seed}} for seed in range(seeds)
        },
    }
    path = rows.with_suffix(".yaml")
    path.write_text(yaml.safe_dump(data, sort_keys=False))
    return load(path)


def named(codec: Codec) -> str:
    """`top_k 21`."""
    match codec:
        case TopK(k=k):
            return f"top_k, {k}"
        case Sampled(draws=draws):
            return f"sampled, {draws} draws"
    return codec.kind


def interval(ratios: Sequence[float]) -> tuple[float, float, float]:
    """Mean and 95 % interval over seeds."""
    middle = mean(ratios)
    if len(ratios) < 2:
        return middle, middle, middle
    half = T95.get(len(ratios), 2.0) * stdev(ratios) / len(ratios) ** 0.5
    return middle, middle - half, middle + half


def table(found: Mapping[str, tuple[float, list[float]]]) -> str:
    """Markdown, from each codec's bytes and its KL by seed; the first one is dense."""
    _, dense = next(iter(found.values()))
    lines = [
        "| codec | bytes a token | held-out KL | of the KL from dense odds |",
        "| --- | ---: | ---: | ---: |",
    ]
    for name, (size, values) in found.items():
        middle, low, high = interval([kl / best for kl, best in zip(values, dense, strict=True)])
        ratio = "" if values is dense else f"{middle:.3f} [{low:.3f}, {high:.3f}]"
        lines.append(f"| {name} | {size:,.1f} | {mean(values):.4f} | {ratio} |")
    return "\n".join(lines)


def main() -> int:
    """Print the table; 1 if no codec keeps the bound."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("text", type=Path, help="WikiText, as it is published.")
    parser.add_argument("--articles", type=int, default=12, help="the first ones")
    parser.add_argument("--tokens", type=int, default=60_000, help="of each training")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--store", type=Path, default=Path(".descent"))
    parser.add_argument("--write", action="store_true", help="into docs/BENCHMARKS.md")
    options = parser.parse_args()
    options.store.mkdir(exist_ok=True)
    rows = options.store.absolute() / "signals.jsonl"
    articles(options.text, rows)
    rows.write_text("".join(rows.read_text().splitlines(keepends=True)[: options.articles]))

    store = Store(options.store)
    found: dict[str, tuple[float, list[float]]] = {}
    targets = 0
    for codec in CODECS:
        spec = family(rows, codec, options.tokens, options.seeds)
        with store.lock(spec.family):
            kl = [metrics["kl"].value for _, metrics in measured(spec, store)]
        keys = {step.id: step.recipe.key for step in steps(spec, leaves(spec, None), STAGES)}
        manifest = store.manifest(keys["/signal"])
        assert manifest
        targets = int(manifest.outcome.facts["targets"])
        found[named(codec)] = float(manifest.outcome.facts["bytes_per_target"]), kl
        print(named(codec), json.dumps(found[named(codec)]), flush=True)
    text = table(found)
    _, dense = found["dense"]
    good = [
        name
        for name, (size, values) in found.items()
        if size <= BYTES and mean(kl / best for kl, best in zip(values, dense, strict=True)) <= RISE
    ]
    print(text)
    print(f"Within {RISE - 1:.0%} at {BYTES} bytes: {', '.join(good) or 'none'}")
    if options.write:
        words = (
            f"A student of 7 of 30 layers, {options.tokens:,} tokens of WikiText-2; the signal has "
            f"{targets:,} targets. Means over {options.seeds} seeds; the ratio is taken seed by "
            f"seed, with its 95 % interval (Student's t)."
        )
        command = f"python -m benchmarks.signals {options.text.name}"
        write_section("Signals", command, f"{text}\n\n{words} {machine()}")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
