"""Model cards for the Hub, on families sealed by hand."""

import json
import subprocess
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from huggingface_hub import ModelCard, constants, metadata_load
from huggingface_hub.repocard_data import model_index_to_eval_results

from family.errors import DescentError
from family.licences.terms import identifiers
from family.lineage.card import Card, card
from family.lineage.hub import LICENCES, terms_of, validate
from family.lineage.queries import Lineage
from family.lineage.record import reindex
from family.lineage.snippets import how_to_run
from family.lineage.views import ModelFile
from family.stage import Outcome
from family.store import Store
from tests.family.lineage.hand_built import Family, add_family, add_tier
from tests.family.lineage.test_licences import under


def made(family: Family, name: str, owner: str | None = "acme", base: str | None = None) -> Card:
    return card(Lineage(family.store).dossier(name), owner=owner, base=base)


@pytest.fixture(scope="module")
def int4(told: Family) -> Card:
    return made(told, "edge/int4")


@pytest.fixture(scope="module")
def licensed(tmp_path_factory: pytest.TempPathFactory) -> Family:
    """A family for tests that say under which licence it is; `alone` has no one's weights."""
    return under(Store(tmp_path_factory.mktemp("licensed") / "store"), "MIT")


# ---- metadata ------------------------------------------------------------------------------


def test_exported_files_are_a_quantized_form_of_their_tier(int4: Card) -> None:
    said = int4.metadata
    assert (said["base_model"], said["base_model_relation"]) == ("acme/toy-edge", "quantized")
    assert (said["library_name"], said["pipeline_tag"]) == ("onnxruntime-genai", "text-generation")
    assert said["license"] == "apache-2.0"
    assert said["tags"] == ["descent", "distillation", "pruning", "onnx", "int4"]
    assert int4.warnings == ()


def test_a_tier_is_a_finetune_of_the_one_whose_weights_it_began_with(told: Family) -> None:
    said = made(told, "edge").metadata
    assert (said["base_model"], said["base_model_relation"]) == ("acme/toy-nano", "finetune")
    assert said["library_name"] == "transformers"


def test_a_flagship_goes_by_the_id_that_is_recorded_or_given(family: Family) -> None:
    unrecorded = made(family, "mini")
    assert unrecorded.metadata["base_model"] == "SmolLM2-135M-Instruct"
    assert "Say who publishes" in unrecorded.warnings[0]
    assert made(family, "mini", base="acme/big").metadata["base_model"] == "acme/big"
    facts = {"name": "SmolLM2", "licence": "Apache-2.0", "hub": "HuggingFaceTB/SmolLM2"}
    family.seal("", "about", Outcome(facts=facts), turn="recorded")
    assert made(family, "mini").metadata["base_model"] == "HuggingFaceTB/SmolLM2"


def test_a_model_that_took_over_no_weights_has_no_base(licensed: Family) -> None:
    said = made(licensed, "alone").metadata
    assert "base_model" not in said
    assert "base_model_relation" not in said
    assert said["tags"] == ["descent", "distillation"]


def test_the_flagship_has_no_base_either(told: Family) -> None:
    found = made(told, "flagship")
    assert "base_model" not in found.metadata
    assert "# toy-flagship" in found.markdown


@pytest.mark.parametrize("word", ["a/b/c", "-acme/x", "acme/x--y", "../x"])
def test_a_base_that_is_no_id_is_refused(told: Family, word: str) -> None:
    with pytest.raises(DescentError, match=r"is no id of a model on the Hub.*owner/name"):
        made(told, "edge", base=word)


@pytest.mark.parametrize(
    ("licence", "words", "expected"),
    [
        ("MIT", {}, ("mit", None, None)),
        ("llama3.1", {}, ("llama3.1", None, None)),
        ("gemma4", {}, ("apache-2.0", None, None)),
        ("deepseek-v3", {}, ("other", "deepseek-v3", "https://github.com/deepseek-ai/")),
        ("other", {"terms": "Be kind: https://a.example/k."}, ("other", None, "https://a.exampl")),
        ("other", {"terms": "Be kind."}, ("other", "smollm2-135m-instruct-licence", "LICENSE")),
    ],
)
def test_licences_go_by_the_hub_s_names_and_others_by_name_and_link(
    licensed: Family,
    licence: str,
    words: dict[str, str],
    expected: tuple[str, str | None, str | None],
) -> None:
    facts = {"name": "SmolLM2-135M-Instruct", "licence": licence, **words}
    licensed.seal("", "about", Outcome(facts=facts), turn=str(facts))
    said = made(licensed, "mini").metadata
    wanted, name, link = expected
    assert said["license"] == wanted
    assert ("license_name" in said) == ("license_link" in said) == (wanted == "other")
    assert name is None or said["license_name"] == name
    assert link is None or str(said["license_link"]).startswith(link)


def test_every_name_of_the_hub_is_one_of_a_licence_that_is_known() -> None:
    assert set(LICENCES) <= set(identifiers())


def test_several_licences_are_other_and_named_together(told: Family) -> None:
    found = Lineage(told.store).dossier("mini")
    (text, *_) = found.licences.obligations
    both = (text, text.model_copy(update={"licence": "llama3.1"}))
    mixed = found.model_copy(
        update={"licences": found.licences.model_copy(update={"obligations": both})}
    )
    assert terms_of(mixed) == ("other", "apache-2.0-and-llama3.1", "LICENSE")


def test_where_no_licence_reaches_the_card_states_none_and_warns(licensed: Family) -> None:
    facts = {"name": "SmolLM2-135M-Instruct", "licence": "Apache-2.0"}
    licensed.seal("", "about", Outcome(facts=facts), turn="no duty follows outputs")
    found = made(licensed, "alone")
    assert "license" not in found.metadata
    assert found.warnings == (
        "No licence that is recorded reaches this model; add the one that you choose.",
    )
    assert "No duty of theirs reaches this model." in found.markdown


# ---- what the Hub checks, as far as it can be checked here ---------------------------------


@pytest.mark.parametrize("name", ["edge/int4", "edge", "mini/fp32", "flagship"])
def test_the_metadata_reads_back_as_it_was_written(told: Family, name: str, tmp_path: Path) -> None:
    found = made(told, name)
    path = tmp_path / "README.md"
    path.write_text(found.markdown)
    assert metadata_load(path) == found.metadata
    assert str(ModelCard.load(path)) == found.markdown


def test_results_read_back_as_what_was_measured(told: Family, int4: Card) -> None:
    index = int4.metadata["model-index"]
    assert isinstance(index, list)
    name, results = model_index_to_eval_results(index)
    model = Lineage(told.store).dossier("edge/int4").model
    assert name == "toy-edge-int4"
    assert [one.metric_type for one in results] == ["bits_per_byte", "agreement", "kl"]
    for one in results:
        figure = model.figure(one.metric_type)
        assert figure
        assert one.metric_value == figure.value
        assert one.metric_args["n"] == figure.n
        assert tuple(one.metric_args.get("interval_95", ())) == (figure.interval or ())


class _Hub(BaseHTTPRequestHandler):
    """Refuses a card in which it finds the word."""

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        refused = b"REFUSE" in body or self.path != "/api/validate-yaml"
        self.send_response(400 if refused else 200)
        self.end_headers()
        self.wfile.write(b'"license" is not known.' if refused else b"{}")

    def log_message(self, *_: object) -> None:
        """Nothing."""


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[HTTPServer]:
    server = HTTPServer(("127.0.0.1", 0), _Hub)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setattr(constants, "ENDPOINT", f"http://127.0.0.1:{server.server_port}")
    yield server
    server.shutdown()
    server.server_close()


def test_the_hub_s_own_word_is_asked_for_and_told(hub: HTTPServer, int4: Card) -> None:
    validate(int4.markdown)
    with pytest.raises(DescentError, match='The Hub refuses this card: "license" is not known'):
        validate(int4.markdown + "REFUSE")


def test_without_the_network_it_says_so(hub: HTTPServer, int4: Card) -> None:
    hub.shutdown()
    hub.server_close()
    with pytest.raises(DescentError, match=r"cannot be asked.*--validate needs the network"):
        validate(int4.markdown)


# ---- the text ------------------------------------------------------------------------------


def test_the_card_of_files_tells_all_that_a_release_manager_asks(int4: Card) -> None:
    assert [line for line in int4.markdown.splitlines() if line.startswith("#")] == [
        "# toy-edge-int4",
        "## How to run it",
        "## Size",
        "## Quality",
        "## Speed",
        "## Where it came from",
        "## Licence",
        "## How to verify it",
    ]
    for said in (
        "The edge model of the toy family as int4 ONNX files: 15.0 M parameters in",
        "It descends from SmolLM2-135M-Instruct (134.5 M parameters).",
        "| 0.73 | 0.72 to 0.74 | 1,000 bytes |",
        "Of the checkpoint that the files hold, `toy/edge`:",
        "| tokens per second, decoding | 1,704 | 5 |",
        "| `toy/edge` | distilled from `toy/nano` over 200,000 tokens with forward_kl",
        "| `toy/corpus` | blocks | - | 147 | 57 | 34,000 |",
        "- SmolLM2-135M-Instruct: Apache-2.0.",
        "This is no legal advice",
        f"Lineage digest: `sha256:{int4.lineage}`",
    ):
        assert said in int4.markdown


def test_the_card_of_a_tier_tells_of_its_exports(told: Family) -> None:
    text = made(told, "edge").markdown
    assert "The same model in files for devices:" in text
    assert "| int4 | 0.00947 | 0.73 | 1,704 |" in text


def test_the_listed_digests_are_those_of_the_files(told: Family, int4: Card) -> None:
    folder = Lineage(told.store).resolve("edge/int4").folder
    sums = int4.markdown.split("```\n")[-2]
    command = ["sha256sum", "--check", "--strict", "-"]
    checked = subprocess.run(command, input=sums, cwd=folder, capture_output=True, text=True)
    assert checked.returncode == 0
    assert checked.stdout.count(": OK") == 3


def test_the_same_records_give_the_same_bytes(told: Family, int4: Card, tmp_path: Path) -> None:
    elsewhere = Family(Store(tmp_path / "elsewhere"))
    add_family(elsewhere)
    assert made(elsewhere, "edge/int4") == int4
    reindex(elsewhere.store)
    assert made(elsewhere, "edge/int4") == int4
    assert str(told.store.root) not in int4.markdown


def test_a_card_stays_the_same_when_another_model_takes_the_place(
    family: Family, int4: Card
) -> None:
    key = family.heads["edge/export:int4"]
    add_tier(family, "edge", 16_000_000, 0.7, parent="nano/distill", turn="next")
    family.end()
    assert made(family, "edge/int4") != int4
    assert made(family, key) == int4


def test_files_without_a_genai_config_are_not_said_to_open_in_it(int4: Card) -> None:
    assert 'onnxruntime.InferenceSession("model.onnx")' in int4.markdown
    assert "onnxruntime_genai" not in int4.markdown


def test_code_is_shown_for_files_that_it_opens(told: Family) -> None:
    found = Lineage(told.store).dossier("edge/int4")
    config = ModelFile(path="genai_config.json", bytes=2, sha256="0" * 64)
    model = found.model.model_copy(update={"files": (*found.model.files, config)})
    prompt = 'Ask a boat\'s "price".'
    text = "\n".join(how_to_run(found.model_copy(update={"model": model, "prompt": prompt})))
    code = text.split("```python\n")[1].split("```")[0]
    compile(code, "card", "exec")
    assert "og.Model" in code
    assert json.dumps(prompt) in code
