"""The generated references."""

from pathlib import Path

import pytest

from docs import generate
from family.spec import FamilySpec


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(generate, "DOCS", tmp_path)
    return tmp_path


def test_checking_names_each_stale_file_and_writes_nothing(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert generate.main(check=False) == 0
    assert generate.main(check=True) == 0
    (folder / "cli.md").write_text("old")
    assert generate.main(check=True) == 1
    assert capsys.readouterr().err == "docs/cli.md is stale. Run: python docs/generate.py\n"
    assert (folder / "cli.md").read_text() == "old"
    assert generate.main(check=False) == 0
    assert generate.main(check=True) == 0


def test_every_part_of_a_spec_and_every_field_is_in_the_settings() -> None:
    text = generate.settings()
    for name, part in FamilySpec.model_json_schema()["$defs"].items():
        section = text.split(f"\n## {name}\n")[1].split("\n## ")[0]
        for field in part["properties"]:
            assert f"| `{field}` |" in section, f"{name}.{field}"


def test_a_setting_is_told_with_type_default_bounds_and_description() -> None:
    assert (
        "| `held_out` | number | `0.15` | > 0, < 1 | "
        "Share held out, by a seeded hash of each sample itself. |"
    ) in generate.settings()


def test_every_command_stands_in_the_reference_with_an_example() -> None:
    sections = generate.command_line().split("\n## ")[1:]
    assert len(sections) > 8
    groups = {"descent lineage"}
    for section in sections:
        assert "Example" in section or section.splitlines()[0] in groups, section


def test_every_shape_of_json_has_a_section() -> None:
    text = generate.shapes()
    for name in ("PlanReport", "StagePlan", "Estimate", "Status", "LineageEdge"):
        assert f"\n## {name}\n" in text
