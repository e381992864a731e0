"""A classifier's graph, out of what the model builder makes of its body.

The body is a decoder and is built as one, head and all: so it gets fused attention, and a table of
embeddings that is quantized as a head is. Then head and cache go, and the labels' head comes.

Inputs: `input_ids` and `attention_mask`, int64 [B, T], padded at the right. Output: `logits`,
float32 [B, C]. Opset 22, with ONNX Runtime's own operators (`com.microsoft`).
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnx_ir as ir
from numpy.typing import NDArray
from safetensors import safe_open

from export.targets import CLASSIFIER, DECODER

#: The labels' head, [C, D], as a checkpoint names it.
SCORE = "score.weight"


def as_decoder(model: Path, config: Mapping[str, Any], folder: Path) -> Path:
    """Show the classifier in `model` as a decoder whose head is its embedding, in `folder`."""
    folder.mkdir()
    for path in model.iterdir():
        if path.name != "config.json":
            (folder / path.name).symlink_to(path.resolve())
    name = config["architectures"][0].removesuffix(CLASSIFIER) + DECODER
    decoder = {**config, "architectures": [name], "tie_word_embeddings": True}
    (folder / "config.json").write_text(json.dumps(decoder))
    return folder


def answer_with_labels(graph: ir.Graph, score: NDArray[np.float32]) -> None:
    """Put the labels' head `score` [C, D] in the place of the tokens', at each row's last token.

    attention_mask ── ReduceSum ── Sub ──┐
               hidden states ── GatherND ┴─ MatMul ── logits
    """
    _drop_cache(graph)
    mask = next(value for value in graph.inputs if value.name == "attention_mask")
    mask.shape = ir.Shape(["batch_size", "sequence_length"])
    tokens = next(node for node in graph if node.outputs[0] is graph.outputs[0])
    hidden = tokens.inputs[0]
    logits = ir.val("logits", ir.DataType.FLOAT, ["batch_size", len(score)])
    graph.outputs[0] = logits
    graph.remove(tokens, safe=True)

    one, axis = _constant(graph, "one", np.array(1)), _constant(graph, "axis", np.array([1]))
    weight = _constant(graph, "weight", np.ascontiguousarray(score.T))
    length = ir.node("ReduceSum", [mask, axis])
    last = ir.node("Sub", [length.outputs[0], one])
    state = ir.node("GatherND", [hidden, last.outputs[0]], {"batch_dims": 1})
    for node in (length, last, state):
        node.outputs[0].name = f"/score/{node.op_type}/output_0"
    head = ir.node("MatMul", [state.outputs[0], weight], outputs=[logits])
    for node in (length, last, state, head):
        node.name = f"/score/{node.op_type}"
        graph.append(node)


def _drop_cache(graph: ir.Graph) -> None:
    """Attend to the row alone: no past comes in, no present goes out."""
    for value in filter(_is_cache, tuple(graph.inputs)):
        for node, index in tuple(value.uses()):
            node.replace_input_with(index, None)
        graph.inputs.remove(value)
    for value in filter(_is_cache, tuple(graph.outputs)):
        graph.outputs.remove(value)


def _is_cache(value: ir.Value) -> bool:
    return str(value.name).startswith(("past_key_values.", "present."))


def _constant(graph: ir.Graph, name: str, values: NDArray[Any]) -> ir.Value:
    tensor = ir.tensor(values, name=f"/score/{name}")
    value = ir.val(tensor.name, const_value=tensor)
    graph.register_initializer(value)
    return value


def score_of(model: Path) -> NDArray[np.float32] | None:
    """The labels' head of a checkpoint, [C, D]; None if it has none."""
    for path in model.glob("*.safetensors"):
        with safe_open(path, "np") as weights:
            if SCORE in weights.keys():  # noqa: SIM118 - it is no mapping
                score: NDArray[np.float32] = weights.get_tensor(SCORE)
                return score
    return None
