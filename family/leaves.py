"""Digests of what the user brought, told before anything runs and without fetching anything."""

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

from family.corpus import prompts, rows, text
from family.corpus.split import fault_of, split
from family.errors import DescentError, SpecError
from family.evaluate.references import held_out as references
from family.evaluate.tasks import files, installed
from family.faults import Fault, written
from family.plan import Leaves
from family.spec import (
    EXPORTED,
    FamilySpec,
    FilePrompts,
    FolderSource,
    FromFile,
    GGUFSource,
    HubSource,
    PyPISource,
    Rows,
    Text,
)
from family.store import sha256, write_json

#: What of a folder decides how its model reads, answers and writes; a README, say, does not.
DECIDING = (
    "*.safetensors",
    "*.safetensors.index.json",
    "config.json",
    "generation_config.json",
    "tokenizer*",
    "special_tokens_map.json",
    "added_tokens.json",
    "vocab.*",
    "merges.txt",
    "chat_template.*",
)
TOKENIZERS = ("tokenizer.json", "tokenizer.model", "vocab.*")
PICKLES = ("*.bin", "*.pt", "*.pth", "*.ckpt", "*.pkl")


def leaves(spec: FamilySpec, cache: Path | None) -> Leaves:
    """Digests of the flagship's weights, of the files to teach with, of its licence's text, and of
    what tiers are asked tasks with.

    `cache` is a JSON file that remembers the digests of unchanged files; None reads each file
    anew. Raises SpecError if something is not there, or is not what the spec pins.
    """
    digests = _Digests(cache)
    found: dict[str, str] = {}
    faults: list[Fault] = []
    data = {name: held for name, held in spec.data.items() if isinstance(held, FromFile)}
    brought = {"flagship": partial(_flagship, spec), "licence": partial(_licence, spec)}
    brought |= {name: partial(_data, name, held) for name, held in data.items()}
    asked = {name: one for name, tier in spec.tiers.items() if (one := tier.evaluate.lm_eval)}
    for name, one in asked.items():
        brought["harness"] = partial(_package, "lm_eval", name)
        if one.include:
            brought[one.include] = partial(_tasks, one.include, name)
    for name, tier in spec.tiers.items():
        if tier.evaluate.rouge and isinstance(spec.prompts, FilePrompts):
            brought["rouge"] = partial(_rouge, spec.prompts, name)
    for name, digest in brought.items():
        try:
            found[name] = digest(digests.of)
        except _LeafError as error:
            faults.append(error.fault)
    digests.save()
    if faults:
        lines = [f"{written(fault.path)}: {fault.text}" for fault in faults]
        raise SpecError(f"family {spec.family}", lines)
    return Leaves(
        flagship=found["flagship"],
        data={name: found[name] for name in data},
        licence=found["licence"] or None,
        harness=found.get("harness"),
        tasks={one.include: found[one.include] for one in asked.values() if one.include},
    )


class _LeafError(Exception):
    def __init__(self, path: tuple[str, ...], text: str) -> None:
        self.fault = Fault(path, text)


DigestOf = Callable[[Path], str]


def _flagship(spec: FamilySpec, digest_of: DigestOf) -> str:
    match spec.flagship.source:
        case PyPISource(sha256=pinned):
            return pinned
        case HubSource(repo=repo, revision=revision):
            return hashlib.sha256(f"{repo}@{revision}".encode()).hexdigest()
        case GGUFSource(path=path, sha256=pinned):
            found = digest_of(_gguf(Path(path)))
        case FolderSource(path=path, sha256=pinned):
            found = _listing(Path(path), digest_of)
            if exporting := [name for name, tier in spec.tiers.items() if tier.export]:
                _check_exported(Path(path), exporting)
    if pinned and found != pinned:
        raise _LeafError(
            ("flagship", "source", "sha256"),
            f"{path} has digest {found}, expected {pinned}. It is another model than the family "
            "was written for; if that is meant, write the new digest into the file.",
        )
    return found


def _gguf(path: Path) -> Path:
    place = ("flagship", "source", "path")
    if not path.is_file():
        kind = "is a folder, not a GGUF file" if path.is_dir() else "does not exist"
        raise _LeafError(place, f"{path} {kind}. Check the path.")
    with path.open("rb") as file:
        if file.read(4) != b"GGUF":
            raise _LeafError(place, f"{path} is not a GGUF file. Only GGUF is read there.")
    return path


def _listing(folder: Path, digest_of: DigestOf) -> str:
    """SHA-256 over the digests and names of the files that decide what the model is."""
    place = ("flagship", "source", "path")
    if not folder.is_dir():
        kind = "is a file, not a folder" if folder.exists() else "does not exist"
        raise _LeafError(place, f"{folder} {kind}. Check the path, or use another `kind`.")
    if not list(folder.glob("*.safetensors")):
        if pickles := sorted(path.name for path in _matching(folder, PICKLES)):
            raise _LeafError(
                place,
                f"{folder} holds pickled weights ({pickles[0]}), which can run code when they "
                "are opened. Convert them once, where you trust them: "
                "AutoModelForCausalLM.from_pretrained(...).save_pretrained(...) of transformers "
                "writes safetensors.",
            )
        raise _LeafError(place, f"{folder} holds no *.safetensors. Name a model's folder.")
    if not (folder / "config.json").is_file():
        raise _LeafError(place, f"{folder} holds no config.json. Add the model's own.")
    if not list(_matching(folder, TOKENIZERS)):
        raise _LeafError(place, f"{folder} holds no tokenizer. Add tokenizer.json.")
    files = sorted(set(_matching(folder, DECIDING)))
    lines = "".join(f"{digest_of(path)}  {path.name}\n" for path in files)
    return hashlib.sha256(lines.encode()).hexdigest()


def _check_exported(folder: Path, tiers: Sequence[str]) -> None:
    """Refuse a flagship whose architecture cannot be exported, before anything is trained."""
    place = ("flagship", "source", "path")
    try:
        found = json.loads((folder / "config.json").read_text())["model_type"]
    except (ValueError, KeyError, TypeError):
        raise _LeafError(
            place, f"{folder}/config.json names no model_type. Add the model's own."
        ) from None
    if found not in EXPORTED:
        raise _LeafError(
            place,
            f"{found} models cannot be exported to ONNX, and {', '.join(tiers)} would be. Use one "
            f"of {', '.join(EXPORTED)}; or write `export: []` under `defaults`.",
        )


def _matching(folder: Path, patterns: tuple[str, ...]) -> Iterator[Path]:
    return (path for pattern in patterns for path in folder.glob(pattern) if path.is_file())


def _data(name: str, held: FromFile, digest_of: DigestOf) -> str:
    """Digest of a file to teach with."""
    path, place = Path(held.path), (name, "path")
    if isinstance(held, Rows):
        return _rows(held, digest_of)
    if not path.is_file():
        kind = "is a folder, not a file" if path.is_dir() else "does not exist"
        raise _LeafError(place, f"{path} {kind}. Check the path.")
    what, samples = SAMPLES[type(held)]
    try:
        train, kept = split(samples(held), held)
    except DescentError as error:
        raise _LeafError(place, str(error)) from None
    except UnicodeDecodeError as error:
        raise _LeafError(
            place, f"{path} is not UTF-8 text: {error.reason}. Save it as UTF-8."
        ) from None
    if not train and not kept:
        raise _LeafError(place, f"{path} holds no {what}. Write some into it.")
    if fault := fault_of(train, kept, held, what):
        raise _LeafError((name, "held_out"), fault)
    return digest_of(path)


def _rows(held: Rows, digest_of: DigestOf) -> str:
    """Digest of the rows' files; a folder of `datasets` is its files by name."""
    found: list[Path] = []
    for name in ("path", "held_out_path"):
        if not (brought := getattr(held, name)):
            continue
        path = Path(brought)
        if not path.exists():
            raise _LeafError(("rows", name), f"{path} does not exist. Check the path.")
        found += sorted(one for one in path.rglob("*") if one.is_file()) or [path]
    try:
        rows.split(held)
    except DescentError as error:
        raise _LeafError(("rows", "path"), str(error)) from None
    if len(found) == 1:
        return digest_of(found[0])
    lines = "".join(f"{digest_of(path)}  {path.name}\n" for path in found)
    return hashlib.sha256(lines.encode()).hexdigest()


#: What a file holds, in the plural, and how they are read.
SAMPLES: dict[type[FromFile], tuple[str, Callable[[Any], Iterable[str]]]] = {
    FilePrompts: ("prompts", prompts.asked),
    Text: ("documents", text.documents),
}


def _licence(spec: FamilySpec, digest_of: DigestOf) -> str:
    """Digest of the licence's text that the user brought; empty if there is none."""
    if not spec.flagship.licence_file:
        return ""
    path, place = Path(spec.flagship.licence_file), ("flagship", "licence_file")
    if not path.is_file():
        kind = "is a folder, not a file" if path.is_dir() else "does not exist"
        raise _LeafError(place, f"{path} {kind}. Check the path.")
    return digest_of(path)


def _package(name: str, tier: str, digest_of: DigestOf) -> str:
    """Digest of the name and version of a package that scores with."""
    try:
        return hashlib.sha256(installed(name).encode()).hexdigest()
    except DescentError as error:
        part = "rouge" if name == "rouge_score" else name
        raise _LeafError(("tiers", tier, "evaluate", part), str(error)) from None


def _tasks(folder: str, tier: str, digest_of: DigestOf) -> str:
    """Digest of task files and of the data that they name."""
    try:
        found = files(Path(folder))
    except DescentError as error:
        place = ("tiers", tier, "evaluate", "lm_eval", "include")
        raise _LeafError(place, str(error)) from None
    lines = "".join(f"{digest_of(path)}  {name}\n" for name, path in found.items())
    return hashlib.sha256(lines.encode()).hexdigest()


def _rouge(prompts: FilePrompts, tier: str, digest_of: DigestOf) -> str:
    """Digest of the measure; there have to be references, too."""
    digest = _package("rouge_score", tier, digest_of)
    if Path(prompts.path).is_file():  # if not, that is told of the prompts
        try:
            list(references(prompts))
        except DescentError as error:
            raise _LeafError(("tiers", tier, "evaluate", "rouge"), str(error)) from None
    return digest


class _Digests:
    """SHA-256 of files, remembered by path, size, time of change and inode."""

    def __init__(self, cache: Path | None) -> None:
        self._cache = cache
        self._known: dict[str, list[int | str]] = {}
        if cache:
            with suppress(FileNotFoundError, ValueError):
                self._known = json.loads(cache.read_text())
        self._read = dict(self._known)

    def of(self, path: Path) -> str:
        stat = path.stat()
        mark: list[int | str] = [stat.st_size, stat.st_mtime_ns, stat.st_ino]
        entry = self._known.get(str(path))
        if not entry or entry[:3] != mark:
            entry = self._known[str(path)] = [*mark, sha256(path)]
        return str(entry[3])

    def save(self) -> None:
        if not self._cache or self._known == self._read:
            return
        with suppress(OSError):  # no store yet, or one that may only be read
            write_json(self._cache, self._known)
