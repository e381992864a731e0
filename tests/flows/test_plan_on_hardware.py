"""`descent plan --hardware`."""

from pathlib import Path

from click.testing import CliRunner, Result

from family.scale.report import ScaledPlan
from flows.cli.main import cli

CONFIG = Path(__file__).parents[2] / "configs/at-scale.yaml"


def descent(*arguments: object) -> Result:
    return CliRunner().invoke(cli, [str(one) for one in arguments], prog_name="descent")


def test_the_table_has_hours_memory_and_disk_and_says_how_far_off_it_may_be() -> None:
    result = descent("plan", CONFIG, "--hardware", "h100x8")
    assert result.exit_code == 0, result.output
    lines = result.output.splitlines()
    (distill,) = (line for line in lines if line.startswith("mini") and "distill" in line)
    assert "fsdp, recomputed" in distill
    assert "714" in distill
    assert "16.5 GB" in distill
    assert "published trainings took 0.56 to 2.82 times the GPU-hours" in result.output
    assert "With the teacher in the loop instead: 248 GPU-hours" in result.output


def test_json_is_the_documented_shape() -> None:
    result = descent("plan", CONFIG, "--hardware", "h100x8", "--json")
    plan = ScaledPlan.model_validate_json(result.output)
    assert plan.hardware.written == "h100x8"
    assert plan.hardware.device.source


def test_list_names_the_kinds_without_a_family_file() -> None:
    result = descent("plan", "--hardware", "list")
    assert result.exit_code == 0
    assert [line.split()[0] for line in result.output.splitlines()] == [
        "kind",
        "a100",
        "b200",
        "h100",
        "h200",
    ]


def test_an_unknown_kind_and_options_without_hardware_are_refused() -> None:
    unknown = descent("plan", CONFIG, "--hardware", "tpux8")
    assert unknown.exit_code == 1
    assert "Known kinds: a100, b200, h100, h200" in unknown.output
    lonely = descent("plan", CONFIG, "--corpus-tokens", 5)
    assert lonely.exit_code == 2
    assert "--corpus-tokens goes with --hardware" in lonely.output


def test_the_store_is_not_looked_at(tmp_path: Path) -> None:
    (tmp_path / "store.json").write_text("not a store")
    assert descent("plan", CONFIG, "--hardware", "h200x8", "--store", tmp_path).exit_code == 0
