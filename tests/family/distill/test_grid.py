import shutil
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from onnxruntime.quantization.matmul_nbits_quantizer import MatMulNBitsQuantizer
from safetensors.torch import load_file, save_file

from export.build import export
from family.distill.grid import on_grid
from family.distill.train import distill
from family.spec import Export, QuantizationAware
from family.stage import Outcome
from tests.family.conftest import DISTILL, TinyFamily

BLOCK = 32


def stored(weights: torch.Tensor) -> torch.Tensor:
    """What ONNX Runtime's own quantizer keeps of weights [out, in], dequantized."""
    matrix = onnx.numpy_helper.from_array(weights.T.contiguous().numpy(), "w")
    rows, columns = weights.shape
    graph = onnx.helper.make_graph(
        [onnx.helper.make_node("MatMul", ["x", "w"], ["y"])],
        "one",
        [onnx.helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, [1, columns])],
        [onnx.helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, [1, rows])],
        [matrix],
    )
    quantizer = MatMulNBitsQuantizer(
        onnx.helper.make_model(graph), bits=4, block_size=BLOCK, is_symmetric=True
    )
    quantizer.process()
    found = {
        one.name: onnx.numpy_helper.to_array(one) for one in quantizer.model.graph().initializer
    }
    codes = next(value for name, value in found.items() if name.endswith("_Q4"))
    scales = next(value for name, value in found.items() if name.endswith("_scales"))
    return dequantized(codes, scales)


def dequantized(codes: np.ndarray, scales: np.ndarray) -> torch.Tensor:
    """Weights [out, in] from uint8 codes [out, blocks, block / 2], two in a byte."""
    rows = len(codes)
    whole = np.stack([codes & 15, codes >> 4], -1).reshape(rows, -1, BLOCK).astype(np.float32) - 8
    return torch.from_numpy((whole * scales.reshape(rows, -1, 1)).reshape(rows, -1))


def stored_in(file: Path, name: str) -> torch.Tensor:
    """A matrix [out, in] of an exported int4 file, dequantized."""
    found = {one.name: one for one in onnx.load(file).graph.initializer}
    return dequantized(
        onnx.numpy_helper.to_array(found[f"{name}_Q4"]),
        onnx.numpy_helper.to_array(found[f"{name}_scales"]),
    )


def test_the_exported_integers_are_the_trained_ones(
    tiny_family: TinyFamily, tmp_path: Path
) -> None:
    trained, exported = tmp_path / "trained", tmp_path / "exported"
    trained.mkdir()
    exported.mkdir()
    settings = DISTILL.model_copy(update={"quantize": QuantizationAware(share=0.5)})
    distill(tiny_family.distill_inputs, settings, trained)
    export({"model": trained}, Export(precision="int4"), exported)

    weights = load_file(trained / "model.safetensors")
    file = exported / "model.onnx"
    assert torch.equal(
        stored_in(file, "lm_head.MatMul.weight"), weights["model.embed_tokens.weight"]
    )
    for layer in range(2):
        prefix = f"model.layers.{layer}."
        for name in ("mlp.gate_proj", "mlp.up_proj", "mlp.down_proj"):
            found = stored_in(file, f"{prefix}{name}.MatMul.weight")
            assert torch.equal(found, weights[f"{prefix}{name}.weight"])
        attention = [weights[f"{prefix}self_attn.{one}_proj.weight"] for one in "qkv"]
        found = stored_in(file, f"{prefix}attn.qkv_proj.MatMul.weight")
        assert torch.equal(found, torch.cat(attention))


def recorded_share(outcome: Outcome) -> object:
    """The share of the steps on the grid, as lineage will tell it."""
    (taught,) = [edge for edge in outcome.edges if edge.kind == "distilled_from"]
    return taught.detail["int4_share"]


def test_training_goes_on_off_the_grid_and_ends_on_it(
    tiny_family: TinyFamily, tmp_path: Path
) -> None:
    settings = DISTILL.model_copy(update={"quantize": QuantizationAware(share=0.5)})
    outcome = distill(tiny_family.distill_inputs, settings, tmp_path)
    assert recorded_share(outcome) == 0.5
    before = load_file(tiny_family.distilled / "model.safetensors")
    after = load_file(tmp_path / "model.safetensors")
    for name, weight in after.items():
        if weight.dim() == 2:
            assert torch.equal(on_grid(weight, BLOCK), weight)
            assert not torch.equal(weight, on_grid(before[name], BLOCK)), name


def test_a_start_on_the_grid_is_trained_on_it_from_the_first_step(
    tiny_family: TinyFamily, tmp_path: Path
) -> None:
    parent, late, whole = (tmp_path / name for name in ("parent", "late", "whole"))
    shutil.copytree(tiny_family.start, parent)
    weights = load_file(parent / "model.safetensors")
    settled = {n: on_grid(w, BLOCK) if w.dim() == 2 else w for n, w in weights.items()}
    save_file(settled, parent / "model.safetensors", {"format": "pt"})
    for out, share in ((late, 0.1), (whole, 1.0)):
        out.mkdir()
        settings = DISTILL.model_copy(update={"quantize": QuantizationAware(share=share)})
        outcome = distill({**tiny_family.distill_inputs, "student": parent}, settings, out)
        assert recorded_share(outcome) == 1
    one, other = load_file(late / "model.safetensors"), load_file(whole / "model.safetensors")
    assert all(torch.equal(one[name], other[name]) for name in one)


@pytest.mark.parametrize("seed", range(5))
def test_weights_on_the_grid_are_stored_bit_for_bit(seed: int) -> None:
    torch.manual_seed(seed)
    weights = on_grid(torch.randn(48, 96) * 10 ** torch.randn(48, 1), BLOCK)
    assert torch.equal(stored(weights), weights)


def test_what_is_on_the_grid_stays_where_it_is() -> None:
    torch.manual_seed(0)
    weights = on_grid(torch.randn(16, 64), BLOCK)
    assert torch.equal(on_grid(weights, BLOCK), weights)


def test_no_weight_moves_by_more_than_the_grid_is_wide() -> None:
    torch.manual_seed(0)
    weights = torch.randn(16, 64)
    scale = weights.unflatten(-1, (-1, BLOCK)).abs().amax(-1, keepdim=True) / 8
    moved = (on_grid(weights, BLOCK) - weights).unflatten(-1, (-1, BLOCK)).abs()
    # Half a step, or a whole one at the end that has no code of its own (+8).
    assert (moved <= scale * 1.0001).all()
    assert (moved.mean() < scale.mean() * 0.3).item()


def test_a_share_without_rows_has_nothing_to_round() -> None:
    assert on_grid(torch.empty(0, 64), BLOCK).shape == (0, 64)


def test_a_block_of_zeros_stays_zero() -> None:
    weights = torch.zeros(2, 64)
    weights[1, 40] = 3.0
    assert torch.equal(on_grid(weights, BLOCK), weights)
