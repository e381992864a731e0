"""What the builder's graph still lacks, added to it in place."""

import numpy as np
import onnx_ir as ir

EMBEDDING = "model.embed_tokens.weight"
CODES, SCALES = "lm_head.MatMul.weight_Q8", "lm_head.MatMul.weight_scales"


def name_cache_width(graph: ir.Graph, head_dim: int) -> None:
    """Give the last dimension of every cache input and output its number.

    The builder writes a symbol there, which some clients (transformers.js) turn into 0."""
    for value in (*graph.inputs, *graph.outputs):
        if value.name and value.name.startswith(("past_key_values.", "present.")) and value.shape:
            value.shape = ir.Shape([*value.shape[:-1], head_dim])


def share_int8_embedding(graph: ir.Graph, hidden: int) -> None:
    """Look tokens up in the head's int8 codes instead of a second table in fp32.

    The builder shares a quantized table for int4 alone; the runtime can do it for int8 too.
    Codes are uint8 [vocabulary, blocks, block] around 128, scales float [vocabulary, blocks].

        codes ── Reshape ── GatherBlockQuantized ── Slice (where the last block is padded)
    """
    lookup = next(node for node in graph if node.op_type == "Gather" and _reads(node, EMBEDDING))
    ids, found = lookup.inputs[1], lookup.outputs[0]
    codes, scales = graph.initializers[CODES], graph.initializers[SCALES]
    head = next(node for node in graph if _reads(node, CODES))
    vocabulary, block = (head.attributes[name].as_int() for name in ("N", "block_size"))
    width = -(-hidden // block) * block

    table = ir.node("Reshape", [codes, _constant(graph, "table_shape", [vocabulary, width])])
    rows = ir.node(
        "GatherBlockQuantized",
        [table.outputs[0], ids, scales],
        {"bits": 8, "block_size": block, "gather_axis": 0, "quantize_axis": 1},
        domain="com.microsoft",
    )
    nodes = [table, rows]
    if width != hidden:
        bounds = [
            _constant(graph, f"row_{name}", [value])
            for name, value in (("start", 0), ("end", hidden), ("axis", -1))
        ]
        nodes.append(ir.node("Slice", [rows.outputs[0], *bounds]))
    for node in nodes:
        node.name = f"/model/embed_tokens/{node.op_type}"
        node.outputs[0].name = f"{node.name}/output_0"
    nodes[-1].outputs[0].shape, nodes[-1].outputs[0].type = found.shape, found.type
    graph.insert_before(lookup, nodes)
    found.replace_all_uses_with(nodes[-1].outputs[0])
    graph.remove(lookup, safe=True)
    del graph.initializers[EMBEDDING]


def _reads(node: ir.Node, name: str) -> bool:
    return any(value is not None and value.name == name for value in node.inputs)


def _constant(graph: ir.Graph, name: str, values: list[int]) -> ir.Value:
    tensor = ir.tensor(np.array(values, np.int64), name=f"/model/embed_tokens/{name}")
    value = ir.val(tensor.name, const_value=tensor)
    graph.register_initializer(value)
    return value
