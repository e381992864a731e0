import pytest

from export.targets import faults
from family.spec import Budget, ModelShape, UnreachableError, picked

FLAGSHIP = ModelShape(
    layers=30,
    hidden=576,
    intermediate=1536,
    heads=9,
    kv_heads=3,
    head_dim=64,
    vocabulary=49152,
)


@pytest.mark.parametrize("vocabulary", [49152, 8192])
@pytest.mark.parametrize("params", ["100M", "67M", "35M", "15M", "8M"])
def test_a_picked_shape_uses_the_budget_up_to_three_per_cent_and_runs_everywhere(
    params: str, vocabulary: int
) -> None:
    budget = Budget.model_validate({"params": params})
    shape = picked(budget.parameters, FLAGSHIP.model_copy(update={"vocabulary": vocabulary}))
    assert 0.97 * budget.parameters <= shape.parameters <= budget.parameters
    assert faults(shape) == []


def test_a_small_cut_falls_on_width_and_a_large_one_on_depth_too() -> None:
    trimmed = FLAGSHIP.model_copy(update={"vocabulary": 8192})
    small, large = (picked(count, trimmed) for count in (100_000_000, 8_000_000))
    assert (small.layers, small.hidden) == (30, 544)
    assert (large.layers, large.hidden) == (21, 192)


@pytest.mark.parametrize(
    ("written", "count"), [("35M", 35_000_000), ("1.2B", 1_200_000_000), ("600 k", 600_000), (7, 7)]
)
def test_counts_are_written_as_people_write_them(written: str | int, count: int) -> None:
    assert Budget.model_validate({"params": written}).parameters == count


@pytest.mark.parametrize("written", ["35 MB", "many", "-3M"])
def test_what_is_no_count_is_refused(written: str) -> None:
    with pytest.raises(ValueError, match=r"expected a count like 35M or 1\.2B"):
        Budget.model_validate({"params": written})


@pytest.mark.parametrize("both", [{}, {"params": "35M", "int4_mb": 12}])
def test_a_budget_is_one_of_both(both: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="params or int4_mb, and one of them"):
        Budget.model_validate(both)


def test_an_int4_budget_is_the_files_size() -> None:
    # 9,487,360 bytes of weights beside a graph of 120,000 is what 14.8M weights came to.
    budget = Budget.model_validate({"int4_mb": 9.63})
    assert budget.parameters == pytest.approx(14_800_000, rel=0.01)


@pytest.mark.parametrize(
    ("count", "closest"), [(1_000_000, "1.592M: layers 1"), (200_000_000, "134.5M: layers 30")]
)
def test_a_budget_that_no_shape_meets_is_refused_with_the_closest(count: int, closest: str) -> None:
    with pytest.raises(UnreachableError, match=f"closest has {closest}"):
        picked(count, FLAGSHIP)


def test_where_heads_make_the_width_they_still_do() -> None:
    parent = FLAGSHIP.model_copy(update={"kv_heads": 9, "head_dim": 64})
    shape = picked(60_000_000, parent, one_width=True)
    assert shape.heads * shape.head_dim == shape.hidden
    assert shape.heads == shape.kv_heads
