"""A family of classifiers in words: its own figures, and no word of tokens that it writes."""

import pytest
from huggingface_hub import ModelCard

from family.lineage.card import card
from family.lineage.map import panels
from family.lineage.points import points
from family.lineage.queries import Lineage
from family.lineage.scorecard import scorecard
from family.lineage.views import Status
from family.stage import DatasetFacts, Edge, Metric, ModelFacts, Outcome
from family.store import Store
from tests.family.lineage.hand_built import Family, metric, weights


def classifier(parameters: int, precision: str = "fp32") -> ModelFacts:
    return ModelFacts(
        parameters=parameters,
        architecture="LlamaForSequenceClassification",
        precision=precision,
        shape={"layers": 2, "hidden": 64},
    )


def scores(about: str, accuracy: float, **others: float) -> tuple[Metric, ...]:
    named = {"accuracy": accuracy, **others}
    return tuple(metric(about, name, value, "rows", 0.01) for name, value in named.items())


@pytest.fixture(scope="module")
def lineage(tmp_path_factory: pytest.TempPathFactory) -> Lineage:
    """base → flagship, which is trained on rows → mini, in one file set."""
    family = Family(Store(tmp_path_factory.mktemp("classes") / "store"), "intents")
    words = {"name": "SmolLM2-135M", "licence": "Apache-2.0", "hub": "a/SmolLM2", "tiers": "mini"}
    family.seal("", "about", Outcome(facts=words))
    base = ModelFacts(
        parameters=134_500_000, architecture="LlamaForCausalLM", precision="fp32", shape={}
    )
    held = {"model.safetensors": weights(538, "base")}
    family.seal("", "base", Outcome(model=base), held, weights="f" * 64)
    rows = DatasetFacts(kind="rows", train=90, held_out=10)
    family.seal("", "rows", Outcome(dataset=rows), {"labels.json": '["food", "place"]'})
    blocks = DatasetFacts(kind="blocks", train=9, held_out=10, tokens=900)
    family.seal("", "corpus", Outcome(dataset=blocks), flagship="/base", rows="/rows")
    tuned = Edge(kind="finetuned_from", parent="student", detail={"tokens": 900})
    family.seal(
        "",
        "flagship",
        Outcome(model=classifier(134_600_000), edges=(tuned,)),
        {"model.safetensors": weights(538, "flagship")},
        student="/base",
        corpus="/corpus",
    )
    taught = (
        Edge(kind="initialised_from", parent="student"),
        Edge(kind="distilled_from", parent="teacher", detail={"tokens": 900}),
    )
    pruned = Edge(kind="pruned_from", parent="parent", detail={"layers": "0,1"})
    family.seal(
        "mini",
        "start",
        Outcome(model=classifier(60_000_000), edges=(pruned,)),
        {"model.safetensors": weights(240, "start")},
        parent="/flagship",
        corpus="/corpus",
    )
    family.seal(
        "mini",
        "distill",
        Outcome(model=classifier(60_000_000), edges=taught),
        {"model.safetensors": weights(240, "mini")},
        student="mini/start",
        teacher="/flagship",
        corpus="/corpus",
    )
    kept = scores("model", 0.94, agreement=0.95, retention=0.99, kl=0.1)
    family.seal(
        "mini",
        "evaluate",
        Outcome(metrics=(*kept, *scores("reference", 0.95))),
        model="mini/distill",
        reference="/flagship",
        corpus="/corpus",
    )
    quantized = Edge(kind="quantized_from", parent="model", detail={"precision": "int8"})
    family.seal(
        "mini",
        "export:int8",
        Outcome(model=classifier(60_000_000, "int8"), edges=(quantized,)),
        {"model.onnx": "graph", "model.onnx.data": weights(70, "int8"), "config.json": "{}"},
        model="mini/distill",
    )
    timed = {"ms_per_row": 8.0, "rows_per_second": 240.0, "row_ratio": 1.8}
    figures = (
        *scores("int8", 0.939, accuracy_drop=0.001, agreement=0.99, kl=0.001),
        *(metric("int8", name, value, "timings") for name, value in timed.items()),
    )
    family.seal(
        "mini",
        "verify",
        Outcome(metrics=figures),
        model="mini/distill",
        corpus="/corpus",
        int8="mini/export:int8",
    )
    family.end()
    return Lineage(family.store)


@pytest.fixture(scope="module")
def status(lineage: Lineage) -> Status:
    return lineage.status("intents")


def test_a_scorecard_has_accuracy_and_rows_a_second(status: Status) -> None:
    card = scorecard(status)
    flagship, mini = card.records()
    assert flagship["accuracy"] == "0.950 (0.940 to 0.960)"
    assert mini == {
        "model": "mini",
        "parameters": "60.0 M",
        "fp32 MB": "-",
        "int8 MB": "0.07",
        "accuracy": "0.940 (0.930 to 0.950)",
        "agreement": "0.950",
        "retention": "0.990",
        "KL": "0.100",
        "int8 rows/s": "240",
    }
    said = " ".join(card.remarks)
    assert "Retention: the model's accuracy over the flagship's." in said
    assert "the likeliest label is the flagship's (1,000 rows)" in said
    assert "token" not in said


def test_a_map_shows_accuracy_kept_against_size_and_milliseconds_a_row(status: Status) -> None:
    (file,) = [point for point in points(status) if point.precision == "int8"]
    assert file.retention == pytest.approx(0.939 / 0.95)
    assert file.interval == pytest.approx((0.929 / 0.95, 0.949 / 0.95))
    assert file.milliseconds == 8
    assert [panel.title for panel in panels(status)] == [
        "Quality against size",
        "Quality against speed",
    ]


@pytest.mark.parametrize("name", ["mini", "mini/int8"])
def test_a_card_says_how_a_classifier_is_run_and_judged(lineage: Lineage, name: str) -> None:
    text = card(lineage.dossier(name)).markdown
    assert ModelCard(text).data.pipeline_tag == "text-classification"
    assert "how often the likeliest label is right" in text
    assert "held-out rows of" in text
    assert "id2label" in text
    for word in ("generate", "next token", "bits per byte", "conversations"):
        assert word not in text.lower()


def test_a_checkpoint_and_its_files_name_their_libraries(lineage: Lineage) -> None:
    libraries = [
        card(lineage.dossier(name)).metadata["library_name"] for name in ("mini", "mini/int8")
    ]
    assert libraries == ["transformers", "onnxruntime"]


def test_a_flagship_that_was_trained_first_is_told_from_its_base(lineage: Lineage) -> None:
    told = {name: card(lineage.dossier(name), owner="us") for name in ("flagship", "mini", "base")}
    flagship = told["flagship"]
    assert flagship.metadata["base_model"] == "a/SmolLM2"
    assert flagship.metadata["base_model_relation"] == "finetune"
    assert "The flagship of the intents family: 134.6 M parameters" in flagship.markdown
    assert "It descends from SmolLM2-135M (134.5 M parameters)." in flagship.markdown
    assert told["mini"].metadata["base_model"] == "us/intents-flagship"
    assert "SmolLM2-135M, the base of the intents family" in told["base"].markdown
    assert told["base"].metadata["pipeline_tag"] == "text-generation"
