from pathlib import Path

import pytest

from family.errors import DescentError
from family.evaluate.tasks import files, installed, names
from tests.family.evaluate import own_tasks


def test_the_files_of_tasks_are_all_in_their_folder_and_the_data_that_they_name(
    tmp_path: Path,
) -> None:
    folder = own_tasks.write(tmp_path / "tasks")
    (folder / "animals.jsonl").rename(tmp_path / "elsewhere.jsonl")
    task = folder / "animals.yaml"
    task.write_text(task.read_text().replace("animals.jsonl", "../elsewhere.jsonl"))
    assert set(files(folder)) == {
        "../elsewhere.jsonl",
        "animals.yaml",
        "says.jsonl",
        "says.yaml",
        "stories.jsonl",
        "stories.yaml",
    }


def test_tasks_and_groups_are_called_by_their_names(tmp_path: Path) -> None:
    folder = own_tasks.write(tmp_path / "tasks")
    (folder / "all.yaml").write_text("group: zoo\ntask: [animals, !function no.code]\n")
    assert names(folder) == {"animals", "stories", "says", "zoo"}


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda folder: (folder / "says.jsonl").unlink(), r"names says\.jsonl, which does not"),
        (lambda folder: (folder / "says.yaml").write_text("a: [b"), r"says\.yaml is not YAML"),
        (lambda folder: [one.unlink() for one in folder.glob("*.yaml")], "holds no task file"),
    ],
)
def test_what_is_missing_is_told_by_its_place(tmp_path: Path, spoil: object, message: str) -> None:
    folder = own_tasks.write(tmp_path / "tasks")
    spoil(folder)  # type: ignore[operator]
    with pytest.raises(DescentError, match=message):
        files(folder)


def test_a_package_that_is_not_there_is_told_with_the_command_that_brings_it() -> None:
    with pytest.raises(DescentError, match=r"not installed\. Run: pip install 'descent-family\[lm"):
        installed("no_such_package")
