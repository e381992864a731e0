"""Distillation on text: each tier beside two controls, at equal tokens and over seeds.

    python -m benchmarks.text wikitext-2/valid.txt [--tokens 100000] [--seeds 3] [--write]

From SmolLM2-135M-Instruct to tiers of about 1/2, 1/4 and 1/9. WikiText's articles are its
documents; a twentieth of them is held out.
- distilled: pruned from the flagship, trained with the KL to it;
- text only: the same start, trained by cross-entropy on the same tokens;
- random start: the same shape from random weights, trained with the KL.

`--write` puts the tables and the curve into docs/BENCHMARKS.md.
"""

import argparse
import json
import re
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from statistics import mean
from typing import Any

import numpy as np
import yaml

from benchmarks.controls import measured
from benchmarks.report import machine, write_section
from family.leaves import leaves
from family.load import load
from family.plan import steps
from family.spec import FamilySpec
from family.store import Store
from flows.stages import STAGES

QUICKSTART = Path(__file__).parent.parent / "configs/quickstart.yaml"
#: A heading of an article; those of its sections have more signs of equality.
HEADING = re.compile(r"(?m)^ = [^=].* = $")
SHAPES: dict[str, dict[str, int]] = {
    "mini": {"layers": 16},
    "nano": {"layers": 7},
    "edge": {"layers": 2, "intermediate": 1152},
}
VARIANTS = {"kd": "distilled", "text": "text only", "random": "random start"}
#: The tier that is also trained with less, by these factors.
CURVE, PARTS = "nano", (0.125, 0.25, 0.5, 1.0)
FIGURES = {"kl": "KL to the flagship", "bits_per_byte": "bits per byte", "agreement": "agreement"}

Scores = Mapping[str, Mapping[str, float]]


def articles(source: Path, out: Path) -> None:
    """WikiText's articles as JSONL rows, whole, headings included."""
    text = source.read_text(encoding="utf-8")
    starts = [found.start() for found in HEADING.finditer(text)]
    with out.open("w") as file:
        for start, end in zip(starts, [*starts[1:], len(text)], strict=True):
            file.write(json.dumps({"text": text[start:end].strip()}) + "\n")


def family(text: Path, tokens: int, seeds: int) -> FamilySpec:
    """A tier for each shape, variant and seed, and for each budget of the curve."""
    tiers: dict[str, Any] = {}
    for shape in SHAPES:
        for variant in VARIANTS:
            for seed in range(seeds):
                tiers[named(shape, variant, seed)] = tier(shape, variant, tokens, seed)
    for variant in VARIANTS:
        for part in PARTS[:-1]:
            budget = round(tokens * part)
            tiers[named(CURVE, variant, 0, part)] = tier(CURVE, variant, budget, 0)
    family = {
        "family": "wikitext",
        "flagship": yaml.safe_load(QUICKSTART.read_text())["flagship"],
        "text": {"path": str(text), "held_out": 0.05, "licence": "CC-BY-SA-4.0"},
        "corpus": {"block": 256},
        "vocabulary": {"kind": "trimmed"},
        "tiers": tiers,
    }
    path = text.with_suffix(".yaml")
    path.write_text(yaml.safe_dump(family, sort_keys=False))
    return load(path)


def named(shape: str, variant: str, seed: int, part: float = 1.0) -> str:
    rest = f"-{round(part * 1000)}" if part < 1 else ""
    return f"{shape}-{variant}-{seed}{rest}"


def tier(shape: str, variant: str, tokens: int, seed: int) -> dict[str, Any]:
    start: dict[str, Any] = {"kind": "prune", "shape": SHAPES[shape]}
    if variant == "random":
        start = {**start, "kind": "random", "seed": seed}
    loss = "cross_entropy" if variant == "text" else "forward_kl"
    distill = {"tokens": tokens, "seed": seed, "loss": [{"kind": loss}]}
    return {"start": start, "distill": distill, "export": []}


def table(scores: Scores, sizes: Mapping[str, float], tokens: int, seeds: int) -> str:
    """Markdown: the mean over seeds, with the least and the most, and its ratio to the tier's."""
    lines = [
        f"| tier | parameters | trained as | {' | '.join(FIGURES.values())} |",
        f"| --- | ---: | --- | {' | '.join('---:' for _ in FIGURES)} |",
    ]
    for shape in SHAPES:
        for variant, word in VARIANTS.items():
            cells = []
            for figure in FIGURES:
                own = [scores[named(shape, variant, seed)][figure] for seed in range(seeds)]
                best = mean(scores[named(shape, "kd", seed)][figure] for seed in range(seeds))
                ratio = "" if variant == "kd" else f" ({mean(own) / best:.2f} ×)"
                cells.append(f"{mean(own):.3f} [{min(own):.3f}, {max(own):.3f}]{ratio}")
            size = f"{sizes[shape]:.2f} of the flagship's"
            lines.append(f"| {shape} | {size} | {word} | {' | '.join(cells)} |")
    lines.append("")
    lines.append(f"{tokens:,} tokens each; the mean of {seeds} seeds, and in brackets their range.")
    return "\n".join(lines)


def curve(scores: Scores, tokens: int) -> str:
    """Markdown: KL by tokens of training, and how many tokens each variant takes to reach what
    the random start reaches in the end."""
    budgets = [round(tokens * part) for part in PARTS]
    found = {
        variant: [scores[named(CURVE, variant, 0, part)]["kl"] for part in PARTS]
        for variant in VARIANTS
    }
    goal = found["random"][-1]
    lines = [
        f"| {CURVE}'s KL after | {' | '.join(f'{budget:,}' for budget in budgets)} | "
        f"tokens to a KL of {goal:.2f} |",
        f"| --- | {' | '.join('---:' for _ in budgets)} | ---: |",
    ]
    for variant, word in VARIANTS.items():
        row = " | ".join(f"{value:.3f}" for value in found[variant])
        lines.append(f"| {word} | {row} | {reached(found[variant], budgets, goal)} |")
    lines.append("")
    lines.append("Each budget is a training of its own, with its whole schedule; seed 0.")
    return "\n".join(lines)


def reached(values: list[float], budgets: list[int], goal: float) -> str:
    """The tokens at which falling `values` reach `goal`, between budgets on a log scale."""
    if values[0] <= goal:
        return f"under {budgets[0]:,}"
    if values[-1] > goal:
        return f"over {budgets[-1]:,}"
    at = np.interp(-goal, [-value for value in values], np.log(budgets))
    return f"{round(float(np.exp(at)), -2):,.0f}"


def beaten(scores: Scores, shape: str, seeds: Iterable[int]) -> bool:
    """Whether a tier's every seed has less KL than every seed of both controls."""
    worst = max(scores[named(shape, "kd", seed)]["kl"] for seed in seeds)
    others = [
        scores[named(shape, variant, seed)]["kl"]
        for variant in ("text", "random")
        for seed in seeds
    ]
    return worst < min(others)


def main() -> int:
    """Print the tables; 1 if a tier does not beat its controls."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("text", type=Path, help="WikiText, as it is published.")
    parser.add_argument("--tokens", type=int, default=100_000, help="of each training")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--store", type=Path, default=Path(".descent"))
    parser.add_argument("--write", action="store_true", help="into docs/BENCHMARKS.md")
    options = parser.parse_args()
    options.store.mkdir(exist_ok=True)
    rows = options.store.absolute() / "wikitext.jsonl"
    articles(options.text, rows)
    spec = family(rows, options.tokens, options.seeds)
    store = Store(options.store)
    scores: dict[str, dict[str, float]] = {}
    with store.lock(spec.family):
        for name, metrics in measured(spec, store):
            scores[name] = {figure: metrics[figure].value for figure in FIGURES}
            print(name, scores[name], flush=True)
    keys = {step.id: step.recipe.key for step in steps(spec, leaves(spec, None), STAGES)}
    whole = parameters(store, keys["/flagship"])
    sizes = {
        shape: parameters(store, keys[f"{named(shape, 'kd', 0)}/start"]) / whole for shape in SHAPES
    }
    text = table(scores, sizes, options.tokens, options.seeds)
    text = f"{text}\n\n{curve(scores, options.tokens)}"
    print(text)
    lost = [shape for shape in SHAPES if not beaten(scores, shape, range(options.seeds))]
    print(f"Not better than both controls: {', '.join(lost)}" if lost else "Every tier is better.")
    if options.write:
        command = f"python -m benchmarks.text {options.text.name}"
        write_section("Distillation on text", command, f"{text}\n\n{machine()}")
    return 1 if lost else 0


def parameters(store: Store, key: str) -> int:
    manifest = store.manifest(key)
    assert manifest is not None
    assert manifest.outcome.model is not None
    return manifest.outcome.model.parameters


if __name__ == "__main__":
    sys.exit(main())
