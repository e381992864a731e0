"""The stage `distill`, as a build runs it."""

from collections.abc import Callable

from benchmarks.speed import recipe
from benchmarks.speed.process import Case
from family.corpus import blocks
from family.distill.train import distill
from family.progress import Progress, listen
from family.spec import Distill


def train(case: Case, step_ended: Callable[[], None]) -> None:
    """Train the case's student, and say when a step ended."""

    def hear(progress: Progress) -> None:
        step_ended()

    corpus = blocks.read(case.corpus, case.student)
    settings = Distill(
        tokens=round(case.steps * corpus.tokens_per_block * recipe.BATCH),
        signal="live" if case.live else "stored",
        learning_rate=recipe.LEARNING_RATE,
        warmup=recipe.WARM_UP,
        clip=recipe.CLIP,
        batch=recipe.BATCH,
        optimizer=case.optimizer,
        seed=recipe.SEED,
    )
    inputs = {
        "student": case.student,
        "teacher": case.flagship,
        "corpus": case.corpus,
        "signal": case.signal,
    }
    listen(hear)
    distill(inputs, settings, case.out)
