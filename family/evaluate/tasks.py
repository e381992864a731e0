"""What is needed to ask a model tasks: the harness, and task files with the data that they name."""

import os
from collections.abc import Iterator, Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

import yaml

from family.errors import DescentError

INSTALL = "pip install 'descent-family[lm-eval]'"


def installed(package: str) -> str:
    """`lm_eval 0.4.13`; DescentError, with the command that brings it, if it is not there."""
    try:
        return f"{package} {metadata.version(package)}"
    except metadata.PackageNotFoundError:
        raise DescentError(f"{package} is not installed. Run: {INSTALL}") from None


def files(folder: Path) -> dict[str, Path]:
    """All that decides what the tasks of a folder ask, by its path from there: every file in it,
    and the data outside it that its task files name. DescentError if any of it is not there."""
    found = {path for path in _below(folder) if "__pycache__" not in path.parts}
    for task, described in _described(folder):
        found.update(_data(task, described, folder))
    return {os.path.relpath(path, folder): path for path in sorted(found)}


def names(folder: Path) -> set[str]:
    """What the tasks and groups of a folder are called."""
    described = [one for _, one in _described(folder)]
    called = (one.get(kind) for one in described for kind in ("task", "group"))
    return {name for name in called if isinstance(name, str)}


def _described(folder: Path) -> Iterator[tuple[Path, Mapping[str, Any]]]:
    """Every task file, and what it says."""
    if not folder.is_dir():
        kind = "is a file, not a folder" if folder.exists() else "does not exist"
        raise DescentError(f"{folder} {kind}. Name the folder of your task files.")
    tasks = sorted(path for path in _below(folder) if path.suffix == ".yaml")
    if not tasks:
        raise DescentError(f"{folder} holds no task file, `*.yaml`. Write one into it.")
    for task in tasks:
        try:
            described = yaml.load(task.read_text(encoding="utf-8"), Loader=_Loader)
        except (yaml.YAMLError, UnicodeDecodeError) as error:
            raise DescentError(f"{task} is not YAML: {' '.join(str(error).split())}") from None
        if isinstance(described, dict):
            yield task, described


def _data(task: Path, described: Mapping[str, Any], folder: Path) -> Iterator[Path]:
    """The files that `dataset_kwargs` of a task file names."""
    for name in _paths(described.get("dataset_kwargs")):
        if "://" in name:
            continue
        place = folder / name
        paths = list(place.parent.glob(place.name))
        if not paths:
            raise DescentError(
                f"{task} names {name}, which does not exist. Paths in task files are relative to "
                f"{folder}."
            )
        for path in paths:
            yield from _below(path) if path.is_dir() else (path,)


def _paths(asked: object) -> Iterator[str]:
    """`data_files` may be a path, a list of them, or either by split; `data_dir` is a folder."""
    if not isinstance(asked, dict):
        return
    waiting: list[Any] = [asked.get("data_files"), asked.get("data_dir")]
    while waiting:
        match waiting.pop():
            case str(name):
                yield name
            case list(several):
                waiting += several
            case dict(splits):
                waiting += splits.values()


def _below(folder: Path) -> Iterator[Path]:
    return (path for path in folder.rglob("*") if path.is_file())


class _Loader(yaml.SafeLoader):
    """Reads task files without running what their `!function` tags name."""


_Loader.add_multi_constructor("!", lambda loader, suffix, node: None)
