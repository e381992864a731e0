"""Training in several processes over gloo, held against the same training in one."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import psutil
import pytest
import torch
from transformers import AutoModelForCausalLM

from family.distill.grid import on_grid
from family.errors import StageError
from family.progress import Progress
from tests.family.parallel.conftest import Alone
from tests.family.parallel.works import (
    SHARED,
    Works,
    losses,
    processes_in,
    settings,
    wait_for,
    weights,
)

CURVE = {"rtol": 0, "atol": 1e-3}
#: 70 steps, so that there is time for a kill after the first checkpoint.
LONGER = {"tokens": 6000, "checkpoint_steps": 7}


def assert_same_weights(one: Path, other: Path) -> None:
    assert weights(one).keys() == weights(other).keys()
    for name, weight in weights(one).items():
        assert torch.equal(weight, weights(other)[name]), name


@pytest.mark.parametrize("sharding", ["ddp", "fsdp"])
def test_two_processes_make_in_bfloat16_what_one_makes_of_two_parts(
    works: Works, alone: Alone, sharding: str
) -> None:
    one = alone(settings(precision="bf16", accumulate=2))
    made = works.make(settings(precision="bf16", distributed={**SHARED, "sharding": sharding}))
    folder = works.folder(made)
    np.testing.assert_allclose(losses(folder), losses(one), **CURVE)
    assert_same_weights(folder, one)
    assert made.manifest.origin.environment["processes"] == 2

    # The artifact is laid out as if one process had made it, and opens without any of ours.
    assert set(made.manifest.files) - {"outcome.json"} == {path.name for path in one.iterdir()}
    for path in one.iterdir():
        if path.name not in ("history.jsonl", "model.safetensors"):
            assert path.read_bytes() == (folder / path.name).read_bytes(), path.name
    assert type(AutoModelForCausalLM.from_pretrained(folder)).__name__ == "LlamaForCausalLM"


@pytest.mark.parametrize("sharding", ["ddp", "fsdp"])
def test_two_processes_match_the_hidden_states_of_a_live_teacher_as_one_does(
    works: Works, alone: Alone, sharding: str
) -> None:
    terms = [{"kind": "forward_kl"}, {"kind": "hidden_states", "layers": "all"}]
    asked = {"tokens": 1000, "signal": "live", "loss": terms}
    one = alone(settings(**asked, accumulate=2))
    made = works.make(settings(**asked, distributed={**SHARED, "sharding": sharding}))
    np.testing.assert_allclose(losses(works.folder(made)), losses(one), **CURVE)
    assert weights(works.folder(made)).keys() == weights(one).keys()
    for name, weight in weights(works.folder(made)).items():
        torch.testing.assert_close(weight, weights(one)[name], atol=1e-5, rtol=1e-4)


def test_two_processes_write_what_one_writes_in_two_parts(works: Works, alone: Alone) -> None:
    asked = {"tokens": 1000, "on_policy": {"share": 0.5, "tokens": 8}}
    one = alone(settings(**asked, accumulate=2))
    made = works.make(settings(**asked, distributed=SHARED))
    np.testing.assert_allclose(losses(works.folder(made)), losses(one), **CURVE)
    assert_same_weights(works.folder(made), one)


def test_sharded_training_on_the_grid_goes_on_after_its_builder_was_killed(
    works: Works, alone: Alone
) -> None:
    on_the_grid = {**LONGER, "quantize": {"share": 0.5}}
    asked = settings(**on_the_grid, distributed={**SHARED, "sharding": "fsdp"})
    module, root = "tests.family.parallel.works", str(works.store.root)
    builder = subprocess.Popen([sys.executable, "-m", module, root, asked.model_dump_json()])
    wait_for(lambda: len(processes_in(works.store)) == 3, "the processes")
    processes = processes_in(works.store)
    assert processes.keys() == {"agent", "0", "1"}
    wait_for(works.checkpoint(asked, 7).exists, "the first checkpoint")
    builder.kill()
    builder.wait()
    _, left = psutil.wait_procs(processes.values(), 60)
    assert not left

    heard: list[Progress] = []
    folder = works.folder(works.make(asked, on_progress=heard.append))
    assert heard[0].done > 0.1 * heard[0].total
    one = alone(settings(**on_the_grid, accumulate=2))
    np.testing.assert_allclose(losses(folder), losses(one), **CURVE)
    assert_same_weights(folder, one)
    for name, weight in weights(folder).items():
        if weight.dim() == 2:
            assert torch.equal(on_grid(weight, 32), weight), name


def test_training_goes_on_in_one_process_after_one_of_two_was_killed(
    works: Works, alone: Alone
) -> None:
    asked = settings(**LONGER, distributed=SHARED)
    with ThreadPoolExecutor() as pool:
        making = pool.submit(works.make, asked)
        wait_for(lambda: "1" in processes_in(works.store), "the second process")
        second = processes_in(works.store)["1"]
        wait_for(works.checkpoint(asked, 7).exists, "the first checkpoint")
        second.kill()
        with pytest.raises(StageError, match="process 2 of 2 was ended by SIGKILL") as caught:
            making.result(60)
    assert caught.value.may_pass
    assert processes_in(works.store) == {}

    heard: list[Progress] = []
    folder = works.folder(works.make(settings(**LONGER), on_progress=heard.append))
    assert heard[0].done > 0.1 * heard[0].total
    one = alone(settings(**LONGER))
    np.testing.assert_allclose(losses(folder), losses(one), **CURVE)
    for name, weight in weights(one).items():
        torch.testing.assert_close(weights(folder)[name], weight, atol=1e-5, rtol=1e-4)
