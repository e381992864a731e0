"""A tiny family in a store, whose steps are made on the true path, in several processes."""

import json
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import psutil
import torch
from safetensors.torch import load_file

from family.distill.train import CHECKPOINTS
from family.plan import Step
from family.run import Made, make
from family.spec import Distill
from family.stage import Recipe, Settings
from family.store import Store
from flows.stages import STAGES

#: Input name -> key, by stage.
INPUTS: Mapping[str, Mapping[str, str]] = {
    "responses": {"flagship": "flagship", "prompts": "prompts"},
    "signal": {"teacher": "flagship", "corpus": "corpus"},
    "distill": {
        "student": "start",
        "teacher": "flagship",
        "signal": "signal",
        "corpus": "corpus",
        "generator": "flagship",
    },
}
#: 23 steps of two blocks: five to an epoch.
DISTILL = Distill(tokens=2000, batch=2, learning_rate=3e-3, precision="fp32", seed=1)
SHARED = {"processes": 2}


def settings(**changes: Any) -> Distill:
    """The training of these tests, with some settings changed."""
    return Distill.model_validate({**DISTILL.model_dump(), **changes})


class Works:
    """The inputs of a family's steps in a store, and the steps that are made there."""

    def __init__(self, store: Store, inputs: Mapping[str, Path]) -> None:
        self.store = store
        for key, folder in inputs.items():
            (store.root / "artifacts" / key).symlink_to(folder)

    def step(self, asked: Settings) -> Step:
        stage = next(one for one in STAGES.values() if type(asked) in one.settings)
        recipe = Recipe(stage.name, stage.version, asked, INPUTS[stage.name])
        return Step("mini", stage.name, recipe, stage.name)

    def make(self, asked: Settings, **options: Any) -> Made:
        step = self.step(asked)
        stage = STAGES[step.recipe.stage]
        return make(step, "tiny", stage, self.store, recorded=False, **options)

    def folder(self, made: Made) -> Path:
        return self.store.folder(made.manifest.key)

    def scratch(self, asked: Settings) -> Path:
        return self.store.root / "scratch" / self.step(asked).recipe.key

    def checkpoint(self, asked: Settings, number: int) -> Path:
        """What stands beside a checkpoint that is whole."""
        return self.scratch(asked) / CHECKPOINTS / f"checkpoint-{number}" / "whole.json"


def processes_in(store: Store) -> dict[str, psutil.Process]:
    """A step's processes by their rank; the agent, which started them, has none."""
    found = {}
    for process in psutil.process_iter():
        try:
            *_, module, job = ["", "", *process.cmdline()]
            if module in ("family.child", "family.parallel.agent") and str(store.root) in job:
                found[process.environ().get("RANK", "agent")] = process
        except psutil.Error:
            continue  # it has ended
    return found


def losses(folder: Path) -> list[float]:
    return [json.loads(line)["loss"] for line in (folder / "history.jsonl").open()]


def weights(folder: Path) -> dict[str, torch.Tensor]:
    return load_file(folder / "model.safetensors")


def wait_for(condition: Callable[[], object], what: str, seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"waited {seconds} s for {what}"
        time.sleep(0.005)


if __name__ == "__main__":  # a builder of one training
    Works(Store(Path(sys.argv[1])), {}).make(Distill.model_validate_json(sys.argv[2]))
