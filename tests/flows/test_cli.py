"""The command line: help, answers, JSON shapes, exit codes."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner, Result
from pydantic import BaseModel, JsonValue, TypeAdapter

from family.doctor.findings import Checkup
from family.estimate import PlanReport
from family.lineage.card import Card
from family.lineage.changes import Diff, Why
from family.lineage.graph import Graph
from family.lineage.licences import Licences
from family.lineage.notes.data import Notes
from family.lineage.points import Point
from family.lineage.report import Report
from family.lineage.scorecard import Scorecard
from family.lineage.views import Contained, LineageEdge, ModelCard, Reindexed, Status
from flows.cli.main import cli
from tests.flows.table import BROKEN

FamilyFile = Callable[..., Path]


def descent(*arguments: object) -> Result:
    return CliRunner().invoke(cli, [str(one) for one in arguments], prog_name="descent")


def commands() -> Iterator[tuple[str, click.Command]]:
    def walk(name: str, command: click.Command) -> Iterator[tuple[str, click.Command]]:
        yield name, command
        if isinstance(command, click.Group):
            context = click.Context(command)
            for below in command.list_commands(context):
                found = command.get_command(context, below)
                assert found
                yield from walk(f"{name} {below}", found)

    return walk("descent", cli)


COMMANDS = dict(commands())
READING = [name for name, one in COMMANDS.items() if any(p.name == "as_json" for p in one.params)]


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help_with_an_example_of_itself(name: str) -> None:
    text = descent(*name.split()[1:], "--help").output
    description, _, rest = text.partition("Example:")
    assert len(description.split("\n\n")[1].split()) >= 5
    examples = rest.split("Options:")[0]
    assert name in examples


@pytest.mark.parametrize("name", COMMANDS)
def test_every_option_says_what_it_does(name: str) -> None:
    options = [one for one in COMMANDS[name].params if isinstance(one, click.Option)]
    assert [one.name for one in options if not one.help] == []


def test_every_command_that_reads_takes_json_and_a_store() -> None:
    leaves = {name for name, one in COMMANDS.items() if not isinstance(one, click.Group)}
    doing = {"descent build", "descent rebuild", "descent deploy", "descent serve"}
    assert leaves - set(READING) == doing
    for name in leaves:
        assert "store" in {one.name for one in COMMANDS[name].params}


@pytest.mark.parametrize(
    ("arguments", "shape"),
    [
        (("status",), Status),
        (("status", "toys"), Status),
        (("scorecard",), Scorecard),
        (("report",), Report),
        (("lineage", "show", "toys/edge/int4"), ModelCard),
        (("lineage", "ancestors", "edge/int4"), list[LineageEdge]),
        (("lineage", "descendants", "flagship"), list[LineageEdge]),
        (("lineage", "diff", "nano", "edge"), Diff),
        (("lineage", "why", "edge"), Why),
        (("lineage", "contains", "flagship"), list[Contained]),
        (("lineage", "path", "edge/int4", "flagship"), list[LineageEdge]),
        (("lineage", "graph"), Graph),
        (("lineage", "reindex"), Reindexed),
        (("licences", "edge/int4"), Licences),
        (("card", "edge/int4"), Card),
        (("bom", "edge/int4"), dict[str, JsonValue]),
        (("map",), list[Point]),
        (("notes",), Notes),
        (("doctor",), Checkup),
    ],
)
def test_json_has_the_documented_shape(
    built: Path, arguments: tuple[str, ...], shape: type[Any]
) -> None:
    result = descent(*arguments, "--json", "--store", built)
    assert result.exit_code == 0, result.output
    answer = TypeAdapter(shape).validate_json(result.stdout)
    assert answer
    if isinstance(answer, BaseModel):
        assert answer.model_dump(mode="json") == json.loads(result.stdout)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("status",), "toys/edge/int4"),
        (("scorecard",), "bits per byte"),
        (("scorecard", "--markdown"), "| model |"),
        (("lineage", "show", "edge"), "prefect run"),
        (("lineage", "ancestors", "edge/int4"), "pruned from"),
        (("lineage", "descendants", "mini"), "toys/nano"),
        (("lineage", "diff", "nano", "edge"), "setting"),
        (("lineage", "why", "edge"), "is the first that was made in its place"),
        (("lineage", "contains", "flagship"), "toys/edge/int4"),
        (("lineage", "path", "flagship", "edge/int4"), "toys/edge"),
        (("lineage", "graph", "edge"), "flowchart TD"),
        (("lineage", "graph", "--format", "dot"), "digraph lineage {"),
        (("lineage", "graph", "--format", "svg"), "<svg"),
        (("licences", "edge"), "This is no legal advice"),
        (("card", "edge"), "base_model_relation: finetune"),
        (("bom", "edge"), '"specVersion": "1.6"'),
        (("lineage", "reindex"), "The index was rebuilt from the store: "),
        (("notes",), "# Release notes: toys"),
    ],
)
def test_answers_are_readable(built: Path, arguments: tuple[str, ...], said: str) -> None:
    result = descent(*arguments, "--store", built)
    assert result.exit_code == 0, result.output
    assert said in result.stdout
    assert "\x1b[" not in result.stdout  # no colours where nobody sees them


def test_a_path_may_stand_in_the_environment(built: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DESCENT_STORE", str(built))
    assert descent("status").exit_code == 0


def test_plan_of_a_built_family_finds_nothing_stale(built: Path) -> None:
    result = descent("plan", built.parent / "toys.yaml", "--store", built, "--json")
    report = PlanReport.model_validate_json(result.stdout)
    assert {stage.status for stage in report.stages} == {"reused"}
    assert len(report.stages) == 31


def test_plan_names_the_setting_that_makes_a_tier_stale(
    built: Path, family_file: FamilyFile
) -> None:
    path = family_file(mini={"distill": {"tokens": 1234}})
    result = descent("plan", path, "--store", built, "--json")
    report = PlanReport.model_validate_json(result.stdout)
    stale = {(one.tier, one.stage): one.reason for one in report.stages if one.status == "stale"}
    assert stale["mini", "distill"] == "tiers.mini.distill.tokens: 200000 → 1234"
    assert {tier for tier, _ in stale} == {"mini", "nano"}


def test_plan_needs_no_store_and_makes_none(family_file: FamilyFile, tmp_path: Path) -> None:
    result = descent("plan", family_file(), "--store", tmp_path / "none")
    assert result.exit_code == 0, result.output
    assert "31 stale" in result.stdout
    assert "never built" in result.stdout
    assert not (tmp_path / "none").exists()


def test_notes_go_into_a_file(built: Path, tmp_path: Path) -> None:
    result = descent("notes", "-o", tmp_path / "NOTES.md", "--store", built)
    assert (result.exit_code, result.stdout) == (0, "")
    assert (tmp_path / "NOTES.md").read_text().startswith("# Release notes: toys")


def test_report_writes_a_page(built: Path, tmp_path: Path) -> None:
    result = descent("report", "toys", "-o", tmp_path / "toys.html", "--store", built)
    assert result.stdout == f"{tmp_path / 'toys.html'}\n"
    page = (tmp_path / "toys.html").read_text()
    assert page == (built / "reports/toys/report.html").read_text()
    assert page.startswith("<!doctype html>")


@pytest.mark.parametrize("command", ["map", "report"])
def test_a_release_that_is_not_there_is_no_picture(
    built: Path, tmp_path: Path, command: str
) -> None:
    out = tmp_path / "out.svg"
    result = descent(command, "toys", "--version", "9.9.9", "-o", out, "--store", built)
    assert result.exit_code == 4
    assert "toys has no release" in result.stderr
    assert not out.exists()


def test_map_draws_a_picture(built: Path, tmp_path: Path) -> None:
    result = descent("map", "-o", tmp_path / "family.png", "--store", built)
    assert (result.exit_code, result.stdout.strip()) == (0, str(tmp_path / "family.png"))
    assert (tmp_path / "family.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize("command", ["card edge", "bom edge", "notes", "report", "map"])
def test_a_folder_that_is_not_there_is_said_before_anything_is_written(
    built: Path, tmp_path: Path, command: str
) -> None:
    result = descent(*command.split(), "-o", tmp_path / "none" / "file.svg", "--store", built)
    assert result.exit_code == 2
    assert f"{tmp_path / 'none'} is no folder. Make it first" in " ".join(result.stderr.split())


def test_run_streams_the_shipped_int4_file(built: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from export import runtime

    asked: list[tuple[Path, str, int, float]] = []

    def stream(folder: Path, prompt: str, max_tokens: int, temperature: float) -> Iterator[str]:
        asked.append((folder, prompt, max_tokens, temperature))
        yield from ("Wrap it ", "in cloth.")

    monkeypatch.setattr(runtime, "stream", stream)
    result = descent("run", "edge", "How?", "--max-tokens", 9, "--store", built)
    assert (result.exit_code, result.stdout) == (0, "Wrap it in cloth.\n")
    shown = descent("lineage", "show", "edge/int4", "--json", "--store", built).stdout
    assert asked == [(Path(json.loads(shown)["folder"]), "How?", 9, 0.0)]
    result = descent("run", "edge", "How?", "--json", "--store", built)
    assert json.loads(result.stdout) == {"answer": "Wrap it in cloth."}


def test_run_prints_the_likeliest_labels_of_a_classifier(
    built: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from export.classes import runtime
    from flows.cli import run

    odds = {"transfer": 0.91, "balance": 0.05, **{f"other {n}": 0.01 for n in range(4)}}
    monkeypatch.setattr(run, "is_classifier", lambda config: True)
    monkeypatch.setattr(
        runtime, "guesses", lambda folder, text: [runtime.Guess(*pair) for pair in odds.items()]
    )
    result = descent("run", "edge", "Send it to Mia.", "--store", built)
    assert result.stdout.splitlines()[:2] == [" 91.0%  transfer", "  5.0%  balance"]
    assert len(result.stdout.splitlines()) == 5
    result = descent("run", "edge", "Send it to Mia.", "--json", "--store", built)
    assert [one["label"] for one in json.loads(result.stdout)] == list(odds)


@pytest.mark.parametrize("name", sorted(set(READING) - {"descent plan", "descent doctor"}))
def test_without_a_store_the_error_says_what_to_do(name: str, tmp_path: Path) -> None:
    arguments = [one for one in COMMANDS[name].params if isinstance(one, click.Argument)]
    models = ["edge" for one in arguments if one.required]
    options = [one for one in COMMANDS[name].params if isinstance(one, click.Option)]
    asked = [word for one in options if one.required for word in (one.opts[0], "1.0.0")]
    result = descent(*name.split()[1:], *models, *asked, "--store", tmp_path / "none")
    assert result.exit_code == 1
    assert "there is no store here. Run `descent build CONFIG` first" in result.stderr
    assert "Traceback" not in result.output


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("lineage", "show", "egde"), "Did you mean edge"),
        (("run", "egde", "Hello"), "Did you mean edge"),
        (("status", "tyos"), "tyos"),
    ],
)
def test_an_unknown_name_ends_with_4(built: Path, arguments: tuple[str, ...], said: str) -> None:
    result = descent(*arguments, "--store", built)
    assert result.exit_code == 4
    assert result.stderr.startswith("error: ")
    assert said in result.stderr


@pytest.mark.parametrize("command", ["plan", "build"])
def test_all_faults_of_a_family_file_end_with_2(
    family_file: FamilyFile, command: str, tmp_path: Path
) -> None:
    path = family_file(mini={"teacher": "egde"}, edge={"distil": {}})
    result = descent(command, path, "--store", tmp_path / "store")
    assert result.exit_code == 2
    assert "has 2 faults" in result.stderr
    assert "tiers.mini.teacher" in result.stderr
    assert "tiers.edge.distil" in result.stderr
    assert not (tmp_path / "store").exists()


def test_a_missed_gate_ends_with_3_and_still_shows_the_scorecard(
    server: str, family_file: FamilyFile, tmp_path: Path
) -> None:
    path = family_file(mini={"gate": {"bounds": [{"metric": "kl", "max": 0.25}]}})
    result = descent("build", path, "--store", tmp_path / "store")
    assert result.exit_code == 3
    assert "mini missed its gate: kl at most 0.25, measured 0.31: missed by 0.06" in result.stderr
    assert "edge · gate" in result.stderr
    assert "bits per byte" in result.stdout
    assert "Traceback" not in result.output


def test_a_failed_tier_ends_with_1_and_still_shows_the_scorecard(
    server: str, family_file: FamilyFile, tmp_path: Path
) -> None:
    path = family_file(mini={"distill": {"tokens": BROKEN}})
    result = descent("build", path, "--store", tmp_path / "store")
    assert result.exit_code == 1
    assert "error: mini · distill failed: ValueError: three is not four" in result.stderr
    assert "mini · distill            failed" in result.stderr
    assert "edge · gate               built" in result.stderr
    assert "bits per byte" in result.stdout
    assert "Traceback" not in result.output


def test_help_and_reading_start_without_what_is_heavy(built: Path) -> None:
    heavy = [
        "torch",
        "transformers",
        "onnx",
        "onnxruntime",
        "onnxruntime_genai",
        "prefect",
        "matplotlib",
    ]
    for arguments in (["--help"], ["status"], ["plan", str(built.parent / "toys.yaml")]):
        code = (
            "import sys; from flows.cli.main import cli\n"
            f"try: cli({arguments!r})\n"
            f"except SystemExit: print(sorted(set(sys.modules) & set({heavy!r})), file=sys.stderr)"
        )
        done = subprocess.run(
            [sys.executable, "-c", code],
            capture_output=True,
            text=True,
            env={**os.environ, "DESCENT_STORE": str(built)},
        )
        assert done.stderr.splitlines()[-1] == "[]", arguments
