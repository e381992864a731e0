"""`descent card` and `descent bom`, on a family sealed by hand."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from family.lineage.card import Card
from family.store import Store
from flows.cli.main import cli
from tests.family.lineage.hand_built import Family, add_family


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    family = Family(Store(tmp_path_factory.mktemp("cards") / "store"))
    add_family(family)
    return family.store.root


def descent(*arguments: object) -> Result:
    return CliRunner().invoke(cli, [str(one) for one in arguments], prog_name="descent")


def test_a_card_goes_into_a_file_and_warnings_go_to_the_terminal(
    store: Path, tmp_path: Path
) -> None:
    path = tmp_path / "README.md"
    done = descent("card", "edge/int4", "--store", store, "-o", path)
    assert (done.exit_code, done.stdout) == (0, "")
    assert done.stderr.startswith("warning: base_model is `toy-edge`, and the Hub's ids are owner/")
    assert path.read_text().startswith("---\nbase_model: toy-edge\n")


def test_a_card_s_json_holds_the_same_text(store: Path) -> None:
    said = descent("card", "edge", "--store", store, "--owner", "acme").stdout
    found = descent("card", "edge", "--store", store, "--owner", "acme", "--json")
    assert Card.model_validate_json(found.stdout).markdown == said


def test_validating_says_in_help_and_in_the_error_that_it_needs_the_network(
    store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from huggingface_hub import constants

    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")  # nobody listens there
    assert "needs the network" in " ".join(descent("card", "--help").output.split())
    done = descent("card", "edge", "--store", store, "--owner", "acme", "--validate")
    assert done.exit_code == 1
    assert "error: The Hub cannot be asked to check the card" in done.stderr
    assert "--validate needs the network" in done.stderr


@pytest.mark.parametrize("name", ["card", "bom"])
def test_a_model_that_is_not_there_is_named_with_its_nearest(store: Path, name: str) -> None:
    done = descent(name, "egde", "--store", store)
    assert done.exit_code == 4
    assert "egde: there is no such model. Did you mean" in done.stderr


def test_an_owner_that_is_no_name_is_refused(store: Path) -> None:
    done = descent("card", "edge", "--store", store, "--owner", "a/b")
    assert done.exit_code == 1
    assert "a/b/toy-nano is no id of a model on the Hub" in done.stderr


def test_a_bill_is_json_in_the_file_and_on_the_terminal(store: Path, tmp_path: Path) -> None:
    path = tmp_path / "edge.cdx.json"
    assert descent("bom", "edge/int4", "--store", store, "-o", path).stdout == ""
    said = descent("bom", "edge/int4", "--store", store).stdout
    assert said == path.read_text()
    assert said == descent("bom", "edge/int4", "--store", store, "--json").stdout
    assert json.loads(said)["bomFormat"] == "CycloneDX"
