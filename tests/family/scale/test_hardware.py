"""Kinds of devices."""

import pytest

from family.errors import DescentError
from family.scale.hardware import hardware, kinds


def test_a_number_of_a_kind_is_read_and_written_alike() -> None:
    assert hardware("h100x8").written == "h100x8"
    assert hardware("h100").written == "h100x1"


@pytest.mark.parametrize("text", ["tpux8", "h100x0", "h100x-1", "8xh100", "h100 x8", ""])
def test_an_unknown_kind_or_number_is_refused_with_the_kinds_that_are_known(text: str) -> None:
    known = "a100, b200, h100, h200"
    with pytest.raises(DescentError, match=f"`{text}` is not a known .*: {known}.*`h100x8`"):
        hardware(text)


def test_every_kind_says_where_its_figures_are_from() -> None:
    for device in kinds():
        assert device.source
        assert device.read_in.startswith("https://")
        assert 1e12 < device.bandwidth < device.bf16_flops
