"""Tasks that the field knows, asked of a checkpoint in PyTorch or of files in their runtime."""

from collections.abc import Mapping
from pathlib import Path

from family.evaluate.harness import ask, surroundings
from family.evaluate.retained import beside
from family.spec import LMEval
from family.stage import Outcome

CHECKPOINT = "model"


def capabilities(inputs: Mapping[str, Path], settings: LMEval, out: Path) -> Outcome:
    """Ask every task of the model in `model`, `fp32`, `int8` or `int4`; beside what the flagship
    answered, if `reference` holds that."""
    ((about, folder),) = ((name, path) for name, path in inputs.items() if name != "reference")
    with surroundings(settings):
        from export.asked import Checkpoint, Files

        model = (Checkpoint if about == CHECKPOINT else Files)(folder, settings)
        found, higher_is_better = ask(model, settings, about)
    return Outcome(
        metrics=beside(found, inputs.get("reference"), higher_is_better),
        facts={"tokens": model.tokens},
    )
