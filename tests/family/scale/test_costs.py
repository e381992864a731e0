"""Work in seconds and bytes."""

import pytest

from family.scale import costs
from family.scale.costs import Layout
from family.scale.hardware import hardware
from family.spec import ModelShape

H100 = hardware("h100").device
LLAMA = ModelShape(
    layers=32,
    hidden=4096,
    intermediate=14336,
    heads=32,
    kv_heads=8,
    head_dim=128,
    vocabulary=128256,
    tied=False,
)


def test_a_known_shape_has_the_parameters_that_its_card_says() -> None:
    assert LLAMA.parameters == pytest.approx(8.03e9, rel=1e-3)


def test_training_takes_six_operations_a_parameter_and_token_and_eight_if_recomputed() -> None:
    once = costs.training_seconds(H100, 1e9, 1e9)
    assert once == pytest.approx(6e18 / (989.4e12 * costs.TRAINING))
    assert costs.training_seconds(H100, 1e9, 1e9, recompute=True) == pytest.approx(once * 8 / 6)


def test_decoding_alone_reads_all_weights_for_each_token() -> None:
    seconds = costs.decode_seconds(H100, LLAMA, 1, batch=1, length=0)
    assert seconds == pytest.approx(2 * LLAMA.parameters / (3.35e12 * costs.BANDWIDTH))


def test_decoding_never_beats_arithmetic() -> None:
    seconds = costs.decode_seconds(H100, LLAMA, 1e6, batch=100_000, length=0)
    assert seconds == costs.forward_seconds(H100, LLAMA.parameters, 1e6)


def training(layout: Layout, optimizer: str = "adamw") -> float:
    return costs.training_bytes(LLAMA, layout, optimizer, 8192)


def test_ddp_holds_everything_on_each_device() -> None:
    assert training(Layout(1, "ddp")) == training(Layout(8, "ddp"))
    assert training(Layout(8, "ddp")) > 16 * LLAMA.parameters


def test_fsdp_cuts_the_states_into_shares() -> None:
    saved = training(Layout(8, "fsdp")) - training(Layout(16, "fsdp"))
    assert saved == pytest.approx(16 * LLAMA.parameters * (1 / 8 - 1 / 16))
    assert training(Layout(8, "fsdp")) < training(Layout(8, "ddp")) / 2


def test_an_8_bit_optimizer_saves_six_bytes_a_parameter() -> None:
    layout = Layout(1, "ddp")
    saved = training(layout) - training(layout, "adamw_8bit")
    assert saved == pytest.approx(6 * LLAMA.parameters)


def test_recomputing_keeps_one_layer_and_the_inputs_of_all() -> None:
    kept = costs.activation_bytes(LLAMA, 8192, recompute=True)
    assert kept < costs.activation_bytes(LLAMA, 8192, recompute=False) / 10


def test_the_head_comes_in_the_chunks_of_the_loss() -> None:
    loss = pytest.importorskip("family.distill.loss")
    assert (loss.ROWS, loss.WORKED) == (costs.HEAD_ROWS, costs.HEAD_WORKED)
