"""Is ours faster than the toolkits, in less memory, having learned as much?

    python -m benchmarks.speed [--rounds 3] [--write]

Ours, TRL 1.16's `GKDTrainer` and a plain PyTorch loop train the same student (12 of the flagship's
30 layers, all of its vocabulary) with the same flagship on the same blocks, 4 of 256 tokens a step,
each in a process of its own, in turn. In the first round they see the whole corpus once, and their
students are scored on what was held out; the other rounds are a few steps each. Ends with status 1
if a bound is missed. Needs the `bench` extra and cores that nothing else uses.
"""

import argparse
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.metadata import version
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import safe_open

from benchmarks.report import machine, write_section
from benchmarks.speed import bounds
from benchmarks.speed.base import BATCH, BLOCK, HALF, LAYERS, TIERS, TRIMMED, Base, base
from benchmarks.speed.bounds import Spread
from benchmarks.speed.process import Case, Run, run
from benchmarks.speed.rate import rate
from family.evaluate.score import evaluate
from family.spec import Evaluate
from family.stage import Metric

#: Documents, each of which fills a block, of which a tenth is held out.
DOCUMENTS = 150
#: Steps of a short training.
SHORT = 7
#: Tokens that a family's tiers are reckoned with, each seen once.
FAMILY_TOKENS = 200_000
WIDTH = 576
#: Bytes of a trained weight: itself, its gradient, and two of AdamW's.
TRAINED = 16

WAYS: Mapping[str, dict[str, Any]] = {
    bounds.TRL: {"side": "trl", "keeps_memory": False},
    bounds.TRL_KEPT: {"side": "trl"},
    bounds.PLAIN: {"side": "plain"},
    bounds.LIVE: {"side": "ours", "live": True},
    bounds.STORED: {"side": "ours"},
    bounds.TRIMMED: {"side": "ours", "vocabulary": TRIMMED},
    bounds.EIGHT_BIT: {"side": "ours", "optimizer": "adamw_8bit"},
}
#: Trained on the whole corpus; TRL as installed learns just what it learns with other settings.
LEARNED = (bounds.TRL_KEPT, bounds.PLAIN, *bounds.OURS)


@dataclass
class Bench:
    """What was measured."""

    ground: Base
    folder: Path
    seconds: dict[str, list[float]] = field(default_factory=dict)
    """Of a step, for each way and round."""
    peaks: dict[str, int] = field(default_factory=dict)
    rates: list[float] = field(default_factory=list)
    """Of bf16 matmul, for each round."""
    scores: dict[str, dict[str, Metric]] = field(default_factory=dict)

    def train(self, name: str, steps: int, *, layers: int = LAYERS, **way: Any) -> tuple[Run, Path]:
        """A training, and where its student is."""
        vocabulary = way.pop("vocabulary", None)
        out = self.folder / name.replace(",", "").replace(" ", "-")
        case = Case(
            student=self.ground.students[layers, vocabulary],
            flagship=self.ground.flagship,
            corpus=self.ground.corpus,
            signal=self.ground.signal,
            steps=steps,
            out=out,
            **way,
        )
        done = run(case)
        print(f"{name}: {done.step:.3f} s a step, {done.peak / 1e9:.2f} GB", file=sys.stderr)
        return done, out

    def round(self, first: bool) -> None:
        """Everyone in turn."""
        self.rates.append(rate())
        whole = len(np.load(self.ground.corpus / "tokens.npy")) // BATCH
        for name, way in WAYS.items():
            long = first and name in LEARNED
            done, out = self.train(name, whole if long else SHORT, **way)
            self.seconds.setdefault(name, []).append(done.step)
            self.peaks[name] = max(done.peak, self.peaks.get(name, 0))
            if long:
                self.scores[name] = self.scored(out)

    def scored(self, student: Path) -> dict[str, Metric]:
        inputs = {
            "model": student,
            "reference": self.ground.flagship,
            "corpus": self.ground.corpus,
        }
        metrics = evaluate(inputs, Evaluate(), student).metrics
        return {metric.name: metric for metric in metrics if metric.about == "model"}

    def flat(self) -> bounds.Bound:
        """With half of the vocabulary, and all of it."""
        half, _ = self.train("half the vocabulary", SHORT, side="ours", vocabulary=HALF)
        whole, _ = self.train("all the vocabulary", SHORT, side="ours")
        return bounds.flat(half.peak, whole.peak, HALF * WIDTH * TRAINED)

    def family(self) -> bounds.Bound:
        """Three tiers on a signal captured once, over as many runs of TRL's."""
        steps = FAMILY_TOKENS / (BATCH * BLOCK)
        ours, theirs = self.ground.capturing(FAMILY_TOKENS), 0.0
        for layers in TIERS:
            theirs += self.wall(f"TRL, {layers} layers", layers, steps, **WAYS[bounds.TRL])
            ours += self.wall(f"ours, {layers} layers", layers, steps, **WAYS[bounds.TRIMMED])
        return bounds.family(ours, theirs)

    def wall(self, name: str, layers: int, steps: float, **way: Any) -> float:
        """Seconds from start to end of a training of so many steps, reckoned from a short one."""
        done, _ = self.train(name, SHORT, layers=layers, **way)
        return done.wall + (steps - SHORT) * done.step

    def work(self) -> dict[str, float]:
        """Model FLOPs of a step (Kaplan et al. 2020, arXiv 2001.08361): 6 for each weight and token
        of the student, 2 of a teacher that runs beside it."""
        tokens = BATCH * BLOCK
        found = {
            name: 6.0 * tokens * weights(self.ground.students[LAYERS, WAYS[name].get("vocabulary")])
            for name in bounds.OURS
        }
        found[bounds.LIVE] += 2.0 * tokens * weights(self.ground.flagship)
        return found

    def table(self) -> str:
        """Markdown: every way over TRL as installed, in ratios."""
        lines = [
            "| trained by | speed | peak memory | KL to the flagship | bits per byte |",
            "| --- | ---: | ---: | ---: | ---: |",
        ]
        for name, seconds in self.seconds.items():
            pairs = zip(self.seconds[bounds.TRL], seconds, strict=True)
            faster = Spread.of([theirs / own for theirs, own in pairs])
            memory = self.peaks[name] / self.peaks[bounds.TRL]
            learned = self.scores.get(name)
            cells = [
                f"{learned[figure].value:.3f}" if learned else ""
                for figure in ("kl", "bits_per_byte")
            ]
            lines.append(f"| {name} | {faster} × | {memory:.2f} × | {' | '.join(cells)} |")
        return "\n".join(lines)

    def verdict(self) -> list[bounds.Bound]:
        found = [
            *bounds.speed(self.seconds),
            *bounds.arithmetic(self.seconds, self.work(), self.rates),
            *bounds.memory(self.peaks),
        ]
        theirs = self.scores[bounds.TRL_KEPT]
        for name in bounds.OURS:
            figure = "bits_per_byte" if name == bounds.TRIMMED else "kl"
            own, other = self.scores[name][figure], theirs[figure]
            found.append(bounds.equal(figure.replace("_", " "), name, own, other))
        return found


def weights(model: Path) -> int:
    """How many a model folder has, a tied head counted once."""
    with safe_open(model / "model.safetensors", "np") as file:
        shapes = [file.get_slice(name).get_shape() for name in file.offset_keys()]
    return sum(prod(shape) for shape in shapes)


def main() -> int:
    """Print the tables; 1 if a bound is missed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--folder", type=Path, default=Path(".descent/speed"), help="of its own")
    parser.add_argument(
        "--flagship",
        type=Path,
        help="a folder with the quickstart's flagship, instead of the wheel",
    )
    parser.add_argument("--write", action="store_true", help="into docs/BENCHMARKS.md")
    options = parser.parse_args()
    folder = options.folder.absolute()
    bench = Bench(base(folder, DOCUMENTS, options.flagship), folder)
    for number in range(options.rounds):
        bench.round(first=number == 0)
    found = [*bench.verdict(), bench.flat(), bench.family()]
    text = f"{bench.table()}\n\n{bounds.table(found)}"
    print(text)
    if options.write:
        note = (
            f"Speed and memory over TRL {version('trl')} as installed; the median of "
            f"{options.rounds} rounds, and in brackets their range. A family's wall time is "
            f"reckoned from the starts and steps of short trainings, for {FAMILY_TOKENS:,} tokens "
            "seen once; its capture of the signal likewise, from two."
        )
        command = "python -m benchmarks.speed"
        write_section("Speed and memory", command, f"{text}\n\n{note} {machine()}")
    return 0 if all(bound.met for bound in found) else 1


if __name__ == "__main__":
    sys.exit(main())
