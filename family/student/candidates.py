"""The best of several shapes, by a short distillation of each."""

import json
from collections.abc import Mapping
from pathlib import Path
from statistics import mean
from tempfile import TemporaryDirectory

from family.corpus import blocks
from family.distill.train import distill
from family.errors import DescentError
from family.progress import report
from family.spec import CandidateStart, PruneStart
from family.stage import Outcome, Scalar, Settings
from family.student.start import start

#: The last part of a trial, whose loss counts.
COUNTED = 0.25


class Tried(Settings):
    """One candidate, and what its trial ended with."""

    shape: dict[str, int]
    """What was asked for; the rest is the parent's."""
    parameters: int
    loss: float
    """Mean nats per target over the last quarter of the trial."""


def candidates(inputs: Mapping[str, Path], settings: CandidateStart, out: Path) -> Outcome:
    """Prune the parent to each shape, distil each for a while, and leave the start of the one that
    ended lowest, as it was before its trial; all of them, best first, stand in ranking.json.

    A trial sees no block twice, so that its loss is on what it has not learnt from."""
    corpus = blocks.read(inputs["corpus"], inputs["parent"])
    if settings.trial.tokens > (most := int(corpus.used.sum())):
        raise DescentError(
            f"start.trial.tokens: {settings.trial.tokens:,} are more than the corpus' {most:,}, "
            f"and a trial is to end on what it has not seen. Use at most {most:,}."
        )
    found = []
    for number, one in enumerate(settings.each):
        report(number, len(settings.each), "candidates")
        found.append((_tried(inputs, settings, one, out), one))
    found.sort(key=lambda pair: pair[0].loss)
    ranking = [tried.model_dump() for tried, _ in found]
    (out / "ranking.json").write_text(json.dumps(ranking, indent=2) + "\n")
    best, chosen = found[0]
    outcome = start(inputs, chosen, out)
    detail: dict[str, Scalar] = {
        "candidates": len(found),
        "trial_tokens": settings.trial.tokens,
        "trial_loss": round(best.loss, 4),
        "next_best_loss": round(found[1][0].loss, 4),
    }
    edges = [one.model_copy(update={"detail": {**one.detail, **detail}}) for one in outcome.edges]
    facts: dict[str, Scalar] = {"tokens": len(found) * settings.trial.tokens}
    return outcome.model_copy(update={"edges": tuple(edges), "facts": facts})


def _tried(
    inputs: Mapping[str, Path], settings: CandidateStart, one: PruneStart, out: Path
) -> Tried:
    with TemporaryDirectory(dir=out) as work:
        began, trained = Path(work, "start"), Path(work, "trial")
        began.mkdir()
        trained.mkdir()
        model = start(inputs, one, began).model
        distill({**inputs, "student": began}, settings.trial, trained)
        lines = (trained / "history.jsonl").read_text().splitlines()
    losses = [json.loads(line)["loss"] for line in lines]
    counted = losses[-max(1, round(COUNTED * len(losses))) :]
    assert model
    shape = one.shape.model_dump(exclude_none=True)
    return Tried(shape=shape, parameters=model.parameters, loss=mean(counted))
