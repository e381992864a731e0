"""A family of toys: the real flow, specs, gate, store and lineage, with stages that take no time.

Each toy writes one small file that follows from its inputs and settings.
"""

import os
import signal
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

from family import plan
from family.leaves import leaves
from family.progress import report
from family.spec import Distill, Evaluate, Export, FamilySpec, ModelShape
from family.stage import Edge, EdgeKind, Metric, ModelFacts, Outcome, Settings, digest_json, keyed
from family.store import sha256
from flows.names import sentence
from flows.stages import STAGES as REAL

#: `distill.tokens` of a student whose training reports and takes for ever.
ENDLESS = 666
#: `distill.tokens` of a student whose training fails.
BROKEN = 667
#: `distill.tokens` of a student whose training reports and takes ten seconds.
PAUSING = 668
#: `distill.tokens` of students whose training goes wrong the first time, and not again: it is ended
#: from outside, meets a full disk, or gets no memory.
LOST, FULL, GREEDY = 669, 670, 671
#: `evaluate.resamples` of a tier that is measured until another one's endless training runs.
PATIENT = 666
PROTOCOL = "0" * 64
SHAPE = ModelShape(
    layers=2, hidden=64, intermediate=128, heads=4, kv_heads=2, head_dim=16, vocabulary=300
)


def toy(inputs: Mapping[str, Path], settings: Settings, out: Path) -> Outcome:
    _write(inputs, settings, out / "toy.txt")
    return Outcome(facts={"tokens": 70, "train_prompts": 7, "held_out_prompts": 3})


def model(inputs: Mapping[str, Path], settings: Settings, out: Path) -> Outcome:
    if isinstance(settings, Distill) and settings.tokens == ENDLESS:
        _linger(out, 600)
    if isinstance(settings, Distill) and settings.tokens == PAUSING:
        _linger(out, 100)
    if isinstance(settings, Distill) and settings.tokens == BROKEN:
        raise ValueError("three is not four")
    if isinstance(settings, Distill):
        _go_wrong_once(settings.tokens, out)
        _log_as_the_trainer_does()
    report(1, 2, "steps", loss=0.5)
    report(2, 2, "steps", loss=0.25)
    _write(inputs, settings, out / "model.safetensors")
    kinds: dict[str, EdgeKind] = {
        "parent": "pruned_from",
        "student": "initialised_from",
        "teacher": "distilled_from",
        "generator": "data_generated_by",
    }
    return Outcome(
        model=_facts("fp32"),
        edges=tuple(
            Edge(kind=kind, parent=name, detail={"tokens": 7})
            for name, kind in kinds.items()
            if name in inputs
        ),
    )


def evaluate(inputs: Mapping[str, Path], settings: Evaluate, out: Path) -> Outcome:
    while settings.resamples == PATIENT and not [*out.parent.glob("*/pid")]:
        time.sleep(0.1)
    _write(inputs, settings, out / "toy.txt")
    values = {"bits_per_byte": 0.6, "kl": 0.31, "agreement": 0.7, "retention": 0.9}
    ours = tuple(_metric("model", name, value) for name, value in values.items())
    return Outcome(metrics=(*ours, _metric("reference", "bits_per_byte", 0.54)))


def export(inputs: Mapping[str, Path], settings: Export, out: Path) -> Outcome:
    _write(inputs, settings, out / "model.onnx")
    (out / "config.json").write_text('{"architectures": ["LlamaForCausalLM"]}')
    kind: EdgeKind = "exported_from" if settings.precision == "fp32" else "quantized_from"
    return Outcome(model=_facts(settings.precision), edges=(Edge(kind=kind, parent="model"),))


def verify(inputs: Mapping[str, Path], settings: Settings, out: Path) -> Outcome:
    _write(inputs, settings, out / "toy.txt")
    values = {"bits_per_byte": 0.61, "megabytes": 3.0, "decode_tokens_per_second": 250.0}
    return Outcome(
        metrics=tuple(
            _metric(precision, name, value)
            for precision in ("fp32", "int8", "int4")
            if precision in inputs
            for name, value in values.items()
        )
    )


TOYS: dict[str, Callable[..., Outcome]] = {"flagship": model, "start": model, "distill": model}
TOYS |= {"evaluate": evaluate, "export": export, "verify": verify}
#: The gate, the words and the notices are the real ones. Only what may linger has a process of
#: its own.
STAGES = {
    name: stage
    if name in ("about", "notices", "gate")
    else replace(
        stage,
        function=f"tests.flows.table:{TOYS.get(name, toy).__name__}",
        heavy=name == "distill",
    )
    for name, stage in REAL.items()
}


def titles(spec: FamilySpec) -> dict[str, list[str]]:
    """What the runs of all stages are called, by tier, sorted; "" for what all tiers share."""
    found: dict[str, list[str]] = {}
    for step in plan.steps(spec, leaves(spec, None), STAGES):
        found.setdefault(step.tier, []).append(sentence(step))
    return {tier: sorted(names) for tier, names in found.items()}


def _write(inputs: Mapping[str, Path], settings: Settings, path: Path) -> None:
    before = {
        name: sorted(sha256(file) for file in folder.iterdir() if file.name == path.name)
        for name, folder in inputs.items()
    }
    path.write_text(digest_json({"inputs": before, "settings": keyed(settings)}))


def _facts(precision: str) -> ModelFacts:
    return ModelFacts(
        parameters=SHAPE.parameters,
        architecture="llama",
        precision=precision,
        shape=SHAPE.model_dump(),
    )


def _metric(about: str, name: str, value: float) -> Metric:
    return Metric(
        about=about, name=name, value=value, n=40, low=value - 0.05, high=value + 0.05,
        unit="conversations", protocol=PROTOCOL,
    )  # fmt: skip


def _log_as_the_trainer_does() -> None:
    print("\rSaving:   0%|          | 0/2\rSaving: 100%|██████████| 2/2", file=sys.stderr)
    print({"loss": "0.25", "grad_norm": "1.5", "epoch": "0.5"}, flush=True)
    print("toys.py:7: UserWarning: toys are not models\n  warnings.warn(", flush=True)


def _go_wrong_once(tokens: int, out: Path) -> None:
    mark = out / "gone-wrong"
    if tokens not in (LOST, FULL, GREEDY):
        return
    if mark.exists():
        mark.unlink()
        return
    mark.write_text("once")
    if tokens == LOST:
        os.kill(os.getpid(), signal.SIGKILL)
    if tokens == GREEDY:
        bytearray(2**60)
    with Path("/dev/full").open("w") as file:
        file.write("anything")


def _linger(out: Path, count: int) -> None:
    (out / "pid").write_text(str(os.getpid()))
    for tick in range(count):
        report(tick, count, "ticks")
        time.sleep(0.1)
