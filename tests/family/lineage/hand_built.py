"""A family in a real store, sealed by hand: what a build leaves, without the training."""

import json
from dataclasses import dataclass, field

from family.ledger import RELEASE, Decision, Owed, Release, decide, decisions, release_folder
from family.lineage.record import record, record_ledger, set_heads
from family.spec import EndpointResponses
from family.stage import (
    DatasetFacts,
    Edge,
    Metric,
    ModelFacts,
    Outcome,
    Recipe,
    Scalar,
    Settings,
    Verdict,
    digest_json,
)
from family.store import Manifest, Origin, Store, write_json


class Toy(Settings):
    """A setting that decides nothing but the key."""

    turn: str = ""


@dataclass
class Family:
    """Seals and records steps as a build does, and keeps the heads."""

    store: Store
    name: str = "toy"
    heads: dict[str, str] = field(default_factory=dict)
    kept: dict[str, Manifest] = field(default_factory=dict)

    def seal(
        self,
        tier: str,
        step: str,
        outcome: Outcome,
        files: dict[str, str] | None = None,
        *,
        turn: str = "",
        settings: Settings | None = None,
        **inputs: str,
    ) -> str:
        """Seal a step whose `inputs` are ids of earlier steps; returns its key."""
        recipe = Recipe(
            step.partition(":")[0],
            1,
            settings or Toy(turn=turn),
            {name: self.heads.get(source, source) for name, source in inputs.items()},
        )
        scratch = self.store.scratch(recipe.key, keep=False)
        for name, content in (files or {}).items():
            (scratch / name).write_text(content)
        manifest = self.store.seal(
            recipe, scratch, outcome, lambda: self._origin(tier, step, recipe.key)
        )
        self.kept[manifest.key] = manifest
        self.note(tier, step, manifest.key)
        return manifest.key

    def note(self, tier: str, step: str, key: str) -> None:
        """Record that the artifact `key` is what a step has now."""
        self.heads[f"{tier}/{step}"] = key
        record(self.store, self.kept[key], self.name, tier, step)

    def end(self) -> None:
        """End the build: the heads go into the family's file."""
        self.store.set_head(self.name, self.heads)
        set_heads(self.store, self.name)

    def _origin(self, tier: str, step: str, key: str) -> Origin:
        return Origin(
            family=self.name,
            tier=tier,
            step=step,
            started="2026-01-02T03:04:05+00:00",
            seconds=1.5,
            seed=0,
            prefect_run_id=f"run-{key[:6]}",
            environment={"python": "3.11.7", "processors": 2},
        )


def facts(parameters: int, precision: str = "fp32") -> ModelFacts:
    return ModelFacts(
        parameters=parameters,
        architecture="LlamaForCausalLM",
        precision=precision,
        shape={"layers": 2, "hidden": 64},
    )


def metric(
    about: str, name: str, value: float, unit: str = "", spread: float = 0.0, how: str = ""
) -> Metric:
    return Metric(
        about=about,
        name=name,
        value=value,
        n=5 if unit == "timings" else 1000,
        low=value - spread if spread else None,
        high=value + spread if spread else None,
        unit=unit,
        protocol=digest_json([name, how]),
    )


def weights(megabytes: float, mark: str) -> str:
    """A thousandth of the weights: kilobytes where a real file has megabytes."""
    return mark.ljust(round(megabytes * 1000), ".")


def history(agreement: float) -> str:
    """What training logged: a loss that falls the further, the more is learnt."""
    lines = (
        {
            "step": step,
            "loss": 2 * (1 - agreement) ** (step / 195),
            "learning_rate": 0.001,
            "grad_norm": 1.5,
            "tokens": step * 1025.6,
        }
        for step in range(15, 196, 15)
    )
    return "".join(json.dumps(line) + "\n" for line in lines)


def add_flagship(family: Family) -> None:
    words = {
        "name": "SmolLM2-135M-Instruct",
        "licence": "Apache-2.0",
        "tiers": "mini,nano,edge",
    }
    family.seal("", "about", Outcome(facts=words))
    family.seal(
        "",
        "flagship",
        Outcome(model=facts(134_500_000)),
        {"model.safetensors": weights(538, "flagship"), "tokenizer.json": "{}"},
        weights="f" * 64,
    )
    blocks = DatasetFacts(kind="blocks", train=147, held_out=57, tokens=34_000)
    family.seal(
        "", "corpus", Outcome(dataset=blocks, facts={"tokens": 34_000}), flagship="/flagship"
    )
    family.seal("", "signal", Outcome(), teacher="/flagship", corpus="/corpus")


def prompts_of(count: int) -> DatasetFacts:
    return DatasetFacts(kind="prompts", train=count, held_out=1)


def add_data(family: Family) -> None:
    """Prompts, the flagship's answers to them, and the blocks that a tier is taught with."""
    family.seal("", "prompts", Outcome(dataset=prompts_of(8)), {"train.txt": "Hello?"})
    answers = DatasetFacts(kind="responses", train=8, held_out=1, tokens=500)
    family.seal("", "responses", Outcome(dataset=answers), flagship="/flagship", prompts="/prompts")
    blocks = DatasetFacts(kind="blocks", train=3, held_out=1, tokens=480)
    family.seal("", "corpus", Outcome(dataset=blocks), flagship="/flagship", responses="/responses")


def add_served_data(family: Family, service: EndpointResponses) -> None:
    """Likewise, with answers that a service gave."""
    answers = DatasetFacts(kind="responses", train=8, held_out=1, tokens=500)
    asked = Outcome(dataset=answers, facts={"requests": 9, "cost": 0.02, "currency": "USD"})
    family.seal("", "prompts", Outcome(dataset=prompts_of(8)), {"train.txt": "Hello?"})
    family.seal("", "responses", asked, settings=service, prompts="/prompts")
    kept = {"flagship": "/flagship", "responses": "/responses"}
    family.seal("", "kept", Outcome(dataset=answers, facts={"dropped_cut": 1}), **kept)
    blocks = DatasetFacts(kind="blocks", train=3, held_out=1, tokens=480)
    family.seal("", "corpus", Outcome(dataset=blocks), flagship="/flagship", responses="/kept")


def add_tier(
    family: Family,
    tier: str,
    parameters: int,
    agreement: float,
    parent: str = "/flagship",
    teacher: str = "/flagship",
    *,
    turn: str = "",
    passes: bool = True,
    how: str = "",
) -> None:
    """A tier's every step, from start to gate."""
    family.seal(
        tier,
        "start",
        Outcome(
            model=facts(parameters),
            edges=(Edge(kind="pruned_from", parent="parent", detail={"layers": "0,1"}),),
        ),
        {"model.safetensors": weights(parameters * 4e-6, f"{tier}{turn} start")},
        turn=f"{parameters}{turn}",
        parent=parent,
        corpus="/corpus",
    )
    training: dict[str, Scalar] = {
        "tokens": 200_000,
        "loss": "forward_kl",
        "steps": 195,
        "final_loss": 0.84,
    }
    family.seal(
        tier,
        "distill",
        Outcome(
            model=facts(parameters),
            edges=(
                Edge(kind="initialised_from", parent="student"),
                Edge(kind="distilled_from", parent="teacher", detail=training),
                Edge(kind="data_generated_by", parent="generator", detail={"samples": 320}),
            ),
            facts={"steps": 195},
        ),
        {
            "model.safetensors": weights(parameters * 4e-6, f"{tier}{turn} trained"),
            "history.jsonl": history(agreement),
        },
        student=f"{tier}/start",
        teacher=teacher,
        signal="/signal",
        corpus="/corpus",
        generator="/flagship",
    )
    family.seal(
        tier,
        "evaluate",
        Outcome(
            metrics=(
                metric("model", "bits_per_byte", 1 - agreement / 2, "bytes", 0.01, how),
                metric("model", "kl", 1 - agreement, "tokens", 0.02, how),
                metric("model", "agreement", agreement, "tokens", 0.01, how),
                metric("model", "retention", 0.5 / (1 - agreement / 2), "bits", 0.01, how),
                metric("reference", "bits_per_byte", 0.5, "bytes", 0.01, how),
            )
        ),
        model=f"{tier}/distill",
        reference="/flagship",
        corpus="/corpus",
    )
    made = {}
    for precision, width in (("fp32", 4.0), ("int8", 1.2), ("int4", 0.63)):
        made[precision] = f"{tier}/export:{precision}"
        family.seal(
            tier,
            f"export:{precision}",
            Outcome(
                model=facts(parameters, precision),
                edges=(
                    Edge(
                        kind="exported_from" if precision == "fp32" else "quantized_from",
                        parent="model",
                        detail={"precision": precision},
                    ),
                ),
            ),
            {
                "model.onnx": f"{tier}{turn} {precision} graph",
                "model.onnx.data": weights(parameters * width * 1e-6, f"{tier}{turn}"),
                "tokenizer.json": "{}",
            },
            turn=precision,
            model=f"{tier}/distill",
        )
    family.seal(
        tier,
        "verify",
        Outcome(
            metrics=tuple(
                figure
                for precision, speed, loss in (
                    ("fp32", 60.0, 0.0),
                    ("int8", 140.0, 0.005),
                    ("int4", 190.0, 0.06),
                )
                for figure in (
                    metric(precision, "bits_per_byte", 1 - agreement / 2 + loss, "bytes", 0.01),
                    metric(precision, "agreement", 1 - loss, "tokens", 0.01, tier),
                    metric(precision, "kl", 2 * loss, "tokens", 0.02, tier),
                    metric(
                        precision,
                        "decode_tokens_per_second",
                        speed * 134_500_000 / parameters,
                        "timings",
                    ),
                )
            )
        ),
        model=f"{tier}/distill",
        corpus="/corpus",
        **made,
    )
    family.seal(
        tier,
        "gate",
        Outcome(
            verdicts=(
                Verdict(bound="agreement at least", limit=0.6, value=agreement, passed=passes),
                Verdict(bound="int4 megabytes at most", limit=60, value=40.0, passed=True),
            )
        ),
        evaluate=f"{tier}/evaluate",
        verify=f"{tier}/verify",
    )


def add_tasks(family: Family, tier: str, choice: float, text: float) -> None:
    """A tier that was asked a choice and a text, and its int4 files; the flagship solves 0.8 of the
    choices and reads at 1 bit per byte."""
    if "/capabilities" not in family.heads:
        best = (metric("model", "quiz:acc", 0.8), metric("model", "prose:bits_per_byte", 1.0))
        family.seal("", "capabilities", Outcome(metrics=best), model="/flagship")
    for about, source in (("model", f"{tier}/distill"), ("int4", f"{tier}/export:int4")):
        step = "capabilities" if about == "model" else f"capabilities:{about}"
        figures = (
            metric(about, "quiz:acc", choice, "samples", 0.02),
            metric(about, "quiz:acc:retention", choice / 0.8, "samples", 0.04),
            metric(about, "prose:bits_per_byte", text, "samples"),
            metric(about, "prose:bits_per_byte:retention", 1 / text, "samples"),
        )
        family.seal(
            tier,
            step,
            Outcome(metrics=figures),
            **{about: source, "reference": "/capabilities"},
        )
    scores = ("evaluate", "verify", "capabilities", "capabilities:int4")
    judged = family.kept[family.heads[f"{tier}/gate"]].outcome
    family.seal(tier, "gate", judged, **{step: f"{tier}/{step}" for step in scores})


def add_family(family: Family) -> None:
    """flagship → mini → nano → edge; edge is taught by nano."""
    add_flagship(family)
    add_tier(family, "mini", 61_000_000, 0.75)
    add_tier(family, "nano", 30_000_000, 0.69, parent="mini/distill")
    add_tier(family, "edge", 15_000_000, 0.66, parent="nano/distill", teacher="nano/distill")
    family.end()


def add_release(
    family: Family, version: str, *aliases: str, previous: str | None = None
) -> Release:
    """Freeze what the family has now, with one duty, and let aliases stand on it; no files."""
    frozen = Release(
        family=family.name,
        version=version,
        previous=previous,
        change="minor" if previous else "first",
        steps=dict(family.heads),
        digests={key: family.kept[key].digest for key in family.heads.values()},
        published={},
        obligations=(
            Owed(
                model=family.heads["mini/export:int4"],
                subject="Apache-2.0/licence-text",
                status="met",
                detail={"licence": "Apache-2.0"},
            ),
        ),
        by="Ada",
        created="2026-01-03T03:04:05+00:00",
    )
    folder = release_folder(family.store, family.name, version)
    folder.mkdir(parents=True)
    write_json(folder / RELEASE, frozen.model_dump(mode="json"))
    for alias in aliases:
        move = Decision(
            family=family.name,
            number=len(list(decisions(family.store, family.name))) + 1,
            kind="promote",
            version=version,
            alias=alias,
            by="Ada",
            at="2026-01-03T04:05:06+00:00",
        )
        decide(family.store, move)
    record_ledger(family.store)
    return frozen
