"""A small family from the real flagship, built once by the command that a user runs."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import onnxruntime
import pytest

CONFIG = Path(__file__).parent / "small.yaml"

pytestmark = pytest.mark.flagship


def descent(store: Path, *arguments: object) -> subprocess.CompletedProcess[str]:
    """Run the installed command on its own Prefect database."""
    command = [str(Path(sys.executable).parent / "descent"), *map(str, arguments)]
    environment = {name: value for name, value in os.environ.items() if name != "OMP_NUM_THREADS"}
    environment |= {"DESCENT_STORE": str(store), "PREFECT_HOME": str(store.parent / "prefect")}
    return subprocess.run(command, env=environment, capture_output=True, text=True)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("small") / "store"
    built = descent(path, "build", CONFIG)
    assert built.returncode == 0, built.stdout + built.stderr
    return path


def read(store: Path, *arguments: object) -> Any:
    done = descent(store, *arguments, "--json")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.fixture(scope="module")
def status(store: Path) -> Any:
    return read(store, "status", "small")


def tiers(status: Any) -> dict[str, Any]:
    return {tier["tier"]: tier for tier in status["tiers"]}


def figures(metrics: list[Any]) -> dict[str, float]:
    return {metric["name"]: metric["value"] for metric in metrics}


def files(tier: Any) -> dict[str, Any]:
    return {file["precision"]: file for file in tier["files"]}


def test_tiers_are_smaller_than_the_flagship_and_say_something_like_it(status: Any) -> None:
    found = tiers(status)
    assert 134.5e6 > found["nano"]["parameters"] > found["edge"]["parameters"] > 8e6
    for tier in found.values():
        measured = figures(tier["metrics"])
        assert 0.25 < measured["agreement"] < 1
        assert 0 < measured["retention"] < 1


def test_fp32_files_repeat_pytorch(status: Any) -> None:
    for tier in tiers(status).values():
        measured = figures(files(tier)["fp32"]["metrics"])
        # The quickstart's gates hold 1e-4; logits of tiers that saw so few tokens are many times
        # larger, and float32 errs in proportion.
        assert measured["max_abs_error"] <= 1e-3
        assert measured["greedy_match"] == 1


def test_int4_files_are_small_and_fast(status: Any) -> None:
    for tier in tiers(status).values():
        small, full = (figures(files(tier)[name]["metrics"]) for name in ("int4", "fp32"))
        assert small["megabytes"] <= 0.17 * full["megabytes"]
        assert small["decode_ratio"] >= 3


def test_int4_files_lose_next_to_nothing_after_training_on_the_grid(status: Any) -> None:
    for tier in tiers(status).values():
        measured = figures(files(tier)["int4"]["metrics"])
        assert measured["bits_per_byte_rise"] < 0.03
        assert measured["kl"] < 0.05


def test_int8_files_lose_next_to_nothing(status: Any) -> None:
    assert figures(files(tiers(status)["nano"])["int8"]["metrics"])["bits_per_byte_rise"] < 0.005


def test_exported_folders_list_the_standard_cache_inputs(status: Any) -> None:
    folder = Path(files(tiers(status)["edge"])["int4"]["folder"])
    session = onnxruntime.InferenceSession(folder / "model.onnx")
    names = {given.name for given in session.get_inputs()}
    assert {"past_key_values.0.key", "past_key_values.2.value"} <= names


def test_the_edges_lead_from_a_shipped_file_to_the_flagship(store: Path) -> None:
    edges = read(store, "lineage", "ancestors", "edge/int4")
    triples = {(edge["child_name"], edge["kind"], edge["parent_name"]) for edge in edges}
    assert triples >= {
        ("small/edge/int4", "quantized_from", "small/edge"),
        ("small/edge", "initialised_from", "small/edge/start"),
        ("small/edge", "distilled_from", "small/nano"),
        ("small/edge", "data_generated_by", "small/flagship"),
        ("small/edge/start", "pruned_from", "small/nano"),
        ("small/nano", "distilled_from", "small/flagship"),
        ("small/nano/start", "pruned_from", "small/flagship"),
    }


def test_the_shipped_int4_file_answers(store: Path) -> None:
    done = descent(store, "run", "nano", "Write a short email about a meeting.", "--max-tokens", 24)
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.split()) > 5


def test_a_second_build_does_no_work(store: Path) -> None:
    before = read(store, "status", "small")
    assert {stage["status"] for stage in read(store, "plan", CONFIG)["stages"]} == {"reused"}
    started = time.monotonic()
    again = descent(store, "build", CONFIG)
    assert again.returncode == 0, again.stderr
    assert time.monotonic() - started < 40  # 20 s on a quiet machine
    assert read(store, "status", "small") == before


def test_a_change_to_edge_leaves_nano_alone(store: Path, tmp_path: Path) -> None:
    changed = tmp_path / "changed.yaml"
    changed.write_text(CONFIG.read_text().replace("tokens: 24000", "tokens: 25000"))
    planned = read(store, "plan", changed)["stages"]
    stale = {(stage["tier"], stage["stage"]) for stage in planned if stage["status"] == "stale"}
    assert {tier for tier, _ in stale} == {"edge"}
    (reason,) = [
        stage["reason"]
        for stage in planned
        if (stage["tier"], stage["stage"]) == ("edge", "distill")
    ]
    assert "tiers.edge.distill.tokens: 24000 → 25000" in reason
