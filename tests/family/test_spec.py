"""What the parts of a spec hold and refuse."""

from typing import Any

import pytest
from pydantic import BaseModel, ValidationError

from family.spec import (
    Bound,
    Export,
    FamilySpec,
    HubSource,
    ModelShape,
    Shape,
)
from family.stage import keyed
from tests.toys import changed, family

#: SmolLM2-135M-Instruct; its parameters as its checkpoint has them.
FLAGSHIP = ModelShape(
    layers=30, hidden=576, intermediate=1536, heads=9, kv_heads=3, head_dim=64, vocabulary=49152
)


def test_a_shape_knows_its_parameters() -> None:
    assert FLAGSHIP.parameters == 134_515_008
    untied = FLAGSHIP.model_copy(update={"tied": False})
    assert untied.parameters - FLAGSHIP.parameters == 576 * 49152


def test_a_shape_has_the_parameters_of_the_real_model() -> None:
    transformers = pytest.importorskip("transformers")
    shape = ModelShape(
        layers=2, hidden=64, intermediate=96, heads=4, kv_heads=2, head_dim=16, vocabulary=128
    )
    config = transformers.LlamaConfig(
        num_hidden_layers=2,
        hidden_size=64,
        intermediate_size=96,
        num_attention_heads=4,
        num_key_value_heads=2,
        head_dim=16,
        vocab_size=128,
        tie_word_embeddings=True,
    )
    assert transformers.LlamaForCausalLM(config).num_parameters() == shape.parameters


def test_what_a_tier_leaves_out_of_its_shape_stays_as_in_its_parent() -> None:
    student = Shape(layers=3, context=512).of(FLAGSHIP, vocabulary=1024)
    assert student == FLAGSHIP.model_copy(update={"layers": 3, "vocabulary": 1024})


def test_a_bare_precision_is_an_export() -> None:
    assert Export.model_validate("int4") == Export(precision="int4")


def test_a_bound_without_a_side_is_refused() -> None:
    with pytest.raises(ValidationError, match="needs `min` or `max`"):
        Bound(metric="kl")


def test_a_branch_stands_for_no_weights() -> None:
    with pytest.raises(ValidationError, match="pattern"):
        HubSource(kind="hub", repo="a/b", revision="main")


def test_a_spec_survives_json() -> None:
    spec = family()
    assert FamilySpec.model_validate_json(spec.model_dump_json()) == spec
    assert FamilySpec.model_validate(spec.model_dump(by_alias=True)) == spec


@pytest.mark.parametrize(
    ("part", "setting", "value"),
    [
        ("flagship", "name", "another name"),
        ("flagship", "source", {"kind": "gguf", "path": "/elsewhere.gguf"}),
        ("tiers.mini.start", "parent", "nano"),
        ("tiers.mini.distill", "checkpoint_steps", 7),
        ("tiers.mini.distill", "distributed", {"processes": 2, "sharding": "fsdp"}),
        ("signal", "distributed", {"nodes": 2, "address": "one:29500"}),
        ("responses", "distributed", {"processes": 2}),
        ("tiers.mini.evaluate", "batch", 7),
    ],
)
def test_what_decides_no_result_is_in_no_key(part: str, setting: str, value: Any) -> None:
    def at(spec: FamilySpec) -> BaseModel:
        found: Any = spec
        for name in part.split("."):
            found = found[name] if isinstance(found, dict) else getattr(found, name)
        assert isinstance(found, BaseModel)
        return found

    before = family()
    after = changed(before, f"{part}.{setting}", value)
    assert at(before) != at(after)
    assert keyed(at(before)) == keyed(at(after))


def test_every_variant_says_its_kind() -> None:
    schema = FamilySpec.model_json_schema()
    for name, part in schema["$defs"].items():
        if "kind" in part["properties"]:
            stated = "kind" in part.get("required", ()) or name == "Responses"
            assert stated, f"{name}: a family file could leave out which variant it means"


def test_every_part_of_a_spec_says_what_it_is() -> None:
    parts = FamilySpec.model_json_schema()["$defs"]
    assert [name for name, part in parts.items() if not part.get("description")] == []
