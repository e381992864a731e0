"""`descent notes`: ranges, forms and files."""

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from family.lineage.notes import render
from family.lineage.notes.data import Notes
from family.release.freeze import release
from family.store import Store
from flows.cli.main import cli
from tests.family.lineage.hand_built import Family, add_family


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with two releases of one family, which are the same but for their number."""
    family = Family(Store(tmp_path_factory.mktemp("notes") / "store"))
    add_family(family)
    for version in ("1.0.0", "1.0.1"):
        release(family.store, "toy", version, by="Ada")
    return family.store.root


def notes(store: Path, *arguments: object) -> Result:
    arguments = ("notes", "--store", store, *arguments)
    return CliRunner().invoke(cli, [str(one) for one in arguments], prog_name="descent")


@pytest.mark.parametrize("arguments", [("1.0.0..1.0.1",), ("toy", "1.0.1"), ("candidate",)])
def test_a_range_stands_with_or_without_the_family(store: Path, arguments: tuple[str, ...]) -> None:
    result = notes(store, *arguments)
    assert result.exit_code == 0, result.output
    assert result.stdout.startswith("# Release notes: toy 1.0.1\n")
    assert "Against 1.0.0: no regression" in result.stdout
    assert "Every recipe is as it was in 1.0.0." in result.stdout


def test_json_holds_what_a_template_gets(store: Path) -> None:
    found = Notes.model_validate_json(notes(store, "1.0.1", "--json").stdout)
    assert found.release
    assert render.markdown(found) == notes(store, "1.0.1").stdout


def test_a_page_is_written_where_asked(store: Path, tmp_path: Path) -> None:
    result = notes(store, "--html", "-o", tmp_path / "notes.html")
    assert (result.exit_code, result.stdout) == (0, "")
    assert (tmp_path / "notes.html").read_text().startswith("<!doctype html>")


def test_fragments_beside_the_working_directory_are_merged_in(
    store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "notes.d").mkdir()
    (tmp_path / "notes.d" / "long.md").write_text("---\nsection: Known issues\n---\nBy hand.\n")
    monkeypatch.chdir(tmp_path)
    assert "\n## Known issues\n\nBy hand.\n" in notes(store).stdout
    (tmp_path / "elsewhere").mkdir()
    assert "By hand." not in notes(store, "--fragments", "elsewhere").stdout


def test_a_broken_fragment_and_a_broken_template_end_without_a_traceback(
    store: Path, tmp_path: Path
) -> None:
    (tmp_path / "bad.md").write_text("---\nsection: A\ntier: [mini]\n---\nText.\n")
    result = notes(store, "--fragments", tmp_path)
    assert result.exit_code == 1
    assert result.stderr.startswith(f"error: {tmp_path}/bad.md, line 3: `tier` is unknown")
    (tmp_path / "ours.j2").write_text("# Notes\n{{ notes.tierz }}\n")
    result = notes(store, "--template", tmp_path / "ours.j2")
    assert result.exit_code == 1
    assert result.stderr.startswith(f"error: {tmp_path}/ours.j2, line 2: the template failed: ")


def test_the_printed_template_needs_no_store_and_works(store: Path, tmp_path: Path) -> None:
    path = tmp_path / "ours.j2"
    assert notes(tmp_path / "none", "--print-template", "-o", path).exit_code == 0
    assert notes(store, "--template", path).stdout == notes(store).stdout


def test_one_form_at_a_time(store: Path) -> None:
    result = notes(store, "--html", "--json")
    assert result.exit_code == 2
    assert "--html and --json exclude each other" in result.stderr
