"""Which models can be exported. Pure, so that a shape is refused before training."""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from family.spec import EXPORTED, ModelShape

#: How the names of the two kinds of model end, in `architectures` of a config.json.
DECODER, CLASSIFIER = "ForCausalLM", "ForSequenceClassification"

#: What each width must be a multiple of, and who needs that.
MULTIPLES = {
    "hidden": (32, "int4 blocks need"),
    "intermediate": (32, "int4 blocks need"),
    "head_dim": (16, "the attention kernel needs"),
}


class Fault(NamedTuple):
    """Why a shape cannot run."""

    field: str
    """The field of `ModelShape`."""
    found: str
    expected: str
    """Completes "`found` is not ..."."""
    fix: str
    """A sentence of its own."""

    def __str__(self) -> str:
        return f"{self.field}: {self.found} is not {self.expected}. {self.fix}"


def faults(shape: ModelShape) -> list[Fault]:
    """Everything about `shape` that ONNX Runtime cannot run; empty if it can."""
    return list(_faults(shape))


def _faults(shape: ModelShape) -> Iterator[Fault]:
    for field, (multiple, need) in MULTIPLES.items():
        found = getattr(shape, field)
        if found % multiple:
            expected = f"a multiple of {multiple}, which {need}"
            yield Fault(field, str(found), expected, _nearest(found, multiple))
    if shape.heads % shape.kv_heads:
        expected = f"a multiple of kv_heads, which is {shape.kv_heads}"
        yield Fault("heads", str(shape.heads), expected, _nearest(shape.heads, shape.kv_heads))


def _nearest(found: int, multiple: int) -> str:
    """`Use 192 or 224.`: the multiples around `found`, zero left out."""
    below = found // multiple * multiple
    choices = [str(value) for value in (below, below + multiple) if value]
    return f"Use {' or '.join(choices)}."


def architecture_fault(config: Mapping[str, Any]) -> str | None:
    """Why a model whose config.json this is has no files that answer as it does, if so."""
    if (found := config["model_type"]) in EXPORTED:
        return None
    return f"model_type: {found} cannot be exported. Use one of {', '.join(EXPORTED)}."


def is_classifier(config: Mapping[str, Any]) -> bool:
    """Whether a Hugging Face config.json describes a classifier of texts."""
    return str(config["architectures"][0]).endswith(CLASSIFIER)


def shape_of(config: Mapping[str, Any]) -> ModelShape:
    """The shape that a Hugging Face config.json describes.

    In the standard names, which all architectures that the builder knows go by. It stands beside
    that of `family.teacher.open`, which export may not import and which waits for torch; a test
    holds the two to each other."""
    hidden, heads = config["hidden_size"], config["num_attention_heads"]
    return ModelShape(
        layers=config["num_hidden_layers"],
        hidden=hidden,
        intermediate=config["intermediate_size"],
        heads=heads,
        kv_heads=config.get("num_key_value_heads") or heads,
        head_dim=config.get("head_dim") or hidden // heads,
        vocabulary=config["vocab_size"],
        tied=config.get("tie_word_embeddings", False),
    )
