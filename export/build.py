"""A checkpoint in, one folder for ONNX Runtime out.

The graph comes from onnxruntime-genai's model builder: fused attention, standard
`past_key_values.N.key` names, and a head that shares its weights with the embedding. That of a
classifier is made of its body's (`export.classes.graph`).
"""

import contextlib
import io
import json
import logging
import math
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import onnx_ir as ir
from onnxruntime_genai.models.builder import create_model, parse_extra_options
from safetensors import safe_open

from export.classes.graph import SCORE, answer_with_labels, as_decoder, score_of
from export.graph import name_cache_width, share_int8_embedding
from export.targets import architecture_fault, faults, is_classifier, shape_of
from family.errors import StageError
from family.spec import Export
from family.stage import COMPANIONS, Edge, ModelFacts, Outcome

log = logging.getLogger(__name__)
# It tells of every node of the graph.
logging.getLogger("onnxruntime.quantization").setLevel(logging.WARNING)
# It tells of a classifier's head, which the decoder that the builder opens has no use for.
logging.getLogger("transformers.modeling_utils").setLevel(logging.ERROR)

#: Copied from the checkpoint where it has them and the builder wrote no others.
COPIED = ("config.json", "generation_config.json", *COMPANIONS)


def export(inputs: Mapping[str, Path], settings: Export, out: Path) -> Outcome:
    """Write `inputs["model"]`, a Hugging Face folder, as ONNX at the asked precision.

    A decoder's folder opens in onnxruntime_genai and in plain onnxruntime, a classifier's in the
    latter. StageError if the checkpoint cannot be exported."""
    model = inputs["model"]
    config = _checked(model)
    shape = shape_of(config)

    with TemporaryDirectory(dir=out) as work:
        graph = _graph(model, config, settings, Path(work))
        ir.save(
            graph, out / "model.onnx", external_data="model.onnx.data", size_threshold_bytes=256
        )
        if is_classifier(config):
            _pad_at_the_right(model / "tokenizer_config.json", out / "tokenizer_config.json")
        else:
            for name in ("genai_config.json", "tokenizer_config.json"):
                shutil.move(Path(work, "built", name), out)
    _write_compact(model / "tokenizer.json", out / "tokenizer.json")
    for name in COPIED:
        if (model / name).exists() and not (out / name).exists():
            shutil.copyfile(model / name, out / name)

    edge = Edge(kind="exported_from", parent="model", detail={"precision": settings.precision})
    if settings.precision != "fp32":
        edge = Edge(kind="quantized_from", parent="model", detail=settings.model_dump())
    return Outcome(
        model=ModelFacts(
            parameters=_parameters(model),
            architecture=config["model_type"],
            precision=settings.precision,
            shape={name: int(value) for name, value in shape},
        ),
        edges=(edge,),
    )


def _checked(model: Path) -> dict[str, Any]:
    """The checkpoint's configuration; StageError with every reason why it cannot be exported."""
    if not (model / "config.json").is_file():
        # The builder would ask a hub for a folder that is not there.
        raise StageError(f"{model}: there is no config.json here. Give a Hugging Face folder.")
    config: dict[str, Any] = json.loads((model / "config.json").read_text())
    if wrong := list(_refusals(model, config)):
        raise StageError(
            "\n".join([f"{model} cannot be exported:", *(f"  {why}" for why in wrong)])
        )
    return config


def _refusals(model: Path, config: Mapping[str, Any]) -> Iterator[str]:
    if quantization := config.get("quantization_config"):
        yield (
            f"config.json: the weights are quantized ({quantization.get('quant_method')}), and "
            f"exports start from full precision. Open the model, call `dequantize()`, save it."
        )
    if not list(model.glob("*.safetensors")):
        found = ", ".join(sorted(path.name for path in model.glob("*.bin"))) or "none"
        yield (
            f"weights: only safetensors are read, and there are none (other weights: {found}). "
            f"Save the model with `save_pretrained`."
        )
    elif is_classifier(config) and score_of(model) is None:
        yield f"weights: there is no `{SCORE}`, the head of a decoder that classifies."
    if not (model / "tokenizer.json").is_file():
        yield "tokenizer.json is missing. Save the tokenizer beside the model."
    if fault := architecture_fault(config):
        yield f"config.json: {fault}"
    else:
        yield from (f"config.json: {fault}" for fault in faults(shape_of(config)))


def _graph(model: Path, config: Mapping[str, Any], settings: Export, work: Path) -> ir.Model:
    """The graph to ship; what else the builder writes lies in `work`/built."""
    shape, score = shape_of(config), score_of(model) if is_classifier(config) else None
    decoder = model if score is None else as_decoder(model, config, work / "decoder")
    _build(decoder, settings, work / "built")
    graph = ir.load(work / "built" / "model.onnx")
    if settings.precision == "int8" and (shape.tied or score is not None):
        share_int8_embedding(graph.graph, shape.hidden)
    if score is None:
        name_cache_width(graph.graph, shape.head_dim)
    else:
        answer_with_labels(graph.graph, score)
    return graph


def _build(model: Path, settings: Export, out: Path) -> None:
    options = ["hf_token=false"]
    if settings.precision != "fp32":
        options += [
            f"block_size={settings.block_size}",
            f"accuracy_level={settings.accuracy_level}",
        ]
    place = ("", str(model), str(out), settings.precision, "cpu", str(out / "cache"))
    with _prints_logged():
        create_model(*place, **parse_extra_options(*place, options))


@contextlib.contextmanager
def _prints_logged() -> Iterator[None]:
    """Send what the builder prints to the log, and its progress bars nowhere."""
    said = io.StringIO()
    try:
        with contextlib.redirect_stdout(said), contextlib.redirect_stderr(io.StringIO()):
            yield
    finally:
        log.info("the builder said:\n%s", said.getvalue())


def _parameters(model: Path) -> int:
    """Weights of the checkpoint; a tied head is not stored, so it is not counted twice."""
    total = 0
    for path in model.glob("*.safetensors"):
        with safe_open(path, "np") as weights:
            names = weights.keys()
            total += sum(math.prod(weights.get_slice(name).get_shape()) for name in names)
    return total


def _pad_at_the_right(source: Path, target: Path) -> None:
    """Copy a tokenizer's configuration; the graph counts a row's tokens from its first."""
    target.write_text(json.dumps({**json.loads(source.read_text()), "padding_side": "right"}))


def _write_compact(source: Path, target: Path) -> None:
    """Copy JSON without its indentation, which is a third of a tokenizer."""
    text = json.dumps(json.loads(source.read_text()), ensure_ascii=False, separators=(",", ":"))
    target.write_text(text)
