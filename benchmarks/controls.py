"""Does distillation earn its keep? Each tier beside two controls, at equal tokens.

    python -m benchmarks.controls configs/quickstart.yaml [--store DIR] [--write]

- text only: the same start, trained on the same tokens of the teacher's text without its odds;
- random start: the same shape from random weights, distilled like the tier.

The controls are tiers of a family of their own, so they share the tiers' corpus, signal and
starts in the store. `--write` puts the table into docs/BENCHMARKS.md.
"""

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path

from benchmarks.report import machine, write_section
from family import plan
from family.leaves import leaves
from family.load import load
from family.run import make
from family.spec import CrossEntropy, FamilySpec, Gate, RandomStart, Tier
from family.stage import Metric
from family.store import Store
from flows.stages import STAGES

FIGURES = ("kl", "bits_per_byte", "agreement")
LOWER_IS_BETTER = ("kl", "bits_per_byte")


def controls(spec: FamilySpec) -> FamilySpec:
    """The family with two controls behind each tier, nothing exported and nothing gated."""
    tiers: dict[str, Tier] = {}
    for name, tier in spec.tiers.items():
        bare = tier.model_copy(update={"export": (), "gate": Gate()})
        text = (CrossEntropy(kind="cross_entropy"),)
        start = tier.start
        tiers[name] = bare
        tiers[f"{name}-text"] = bare.model_copy(
            update={"distill": tier.distill.model_copy(update={"loss": text})}
        )
        tiers[f"{name}-random"] = bare.model_copy(
            update={"start": RandomStart(kind="random", parent=start.parent, shape=start.shape)}
        )
    return spec.model_copy(update={"family": f"{spec.family}-controls", "tiers": tiers})


def measured(spec: FamilySpec, store: Store) -> Iterator[tuple[str, dict[str, Metric]]]:
    """Build what is stale; the scores of each tier and control."""
    for step in plan.steps(spec, leaves(spec, None), STAGES):
        print(f"{step.title} ...", file=sys.stderr, flush=True)
        made = make(step, spec.family, STAGES[step.recipe.stage], store, recorded=False)
        if step.name == "evaluate":
            metrics = made.manifest.outcome.metrics
            yield step.tier, {m.name: m for m in metrics if m.about == "model"}


def table(spec: FamilySpec, scores: dict[str, dict[str, Metric]]) -> str:
    """Markdown: the tier's figures, each control's, and what the control's are of the tier's."""
    lines = [
        "| tier | trained as | tokens | KL to the flagship | bits per byte | agreement |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    words = {"": "**distilled**", "-text": "text only", "-random": "random start"}
    for name, tier in spec.tiers.items():
        for suffix, word in words.items():
            cells = [_cell(scores[name], scores[name + suffix], figure) for figure in FIGURES]
            lines.append(f"| {name} | {word} | {tier.distill.tokens:,} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _cell(tier: dict[str, Metric], row: dict[str, Metric], figure: str) -> str:
    metric = row[figure]
    text = f"{metric.value:.3f} [{metric.low:.3f}, {metric.high:.3f}]"
    ratio = metric.value / tier[figure].value
    return text if row is tier else f"{text} ({ratio:.2f} ×)"


def beaten(scores: dict[str, dict[str, Metric]], name: str) -> bool:
    """Whether the tier is better than both controls on KL and on bits per byte."""
    return all(
        scores[name][figure].value < scores[name + suffix][figure].value
        for figure in LOWER_IS_BETTER
        for suffix in ("-text", "-random")
    )


def main() -> int:
    """Print the table; 1 if a tier does not beat its controls."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("config", type=Path)
    parser.add_argument("--store", type=Path, default=Path(".descent"))
    parser.add_argument("--write", action="store_true", help="into docs/BENCHMARKS.md")
    options = parser.parse_args()
    spec = load(options.config)
    taught = [name for name, tier in spec.tiers.items() if tier.distill.taught]
    store = Store(options.store)
    with store.lock(spec.family):
        scores = dict(measured(controls(spec), store))
    text = table(spec, scores)
    print(text)
    lost = [name for name in taught if not beaten(scores, name)]
    print(f"Not better than both controls: {', '.join(lost)}" if lost else "Every tier is better.")
    if options.write:
        command = f"python -m benchmarks.controls {options.config}"
        write_section("Distillation and its controls", command, f"{text}\n\n{machine()}")
    return 1 if lost else 0


if __name__ == "__main__":
    sys.exit(main())
