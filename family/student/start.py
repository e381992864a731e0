"""The student before distillation: its parent, cut to the tier's shape and vocabulary."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from family.corpus import blocks
from family.errors import DescentError
from family.progress import report
from family.spec import ModelShape, PruneStart, RandomStart
from family.stage import Edge, Outcome
from family.student import prune
from family.student.companions import bring_companions
from family.teacher.open import facts_of, kind_of, load, read_config, save, shape_of


def start(inputs: Mapping[str, Path], settings: PruneStart | RandomStart, out: Path) -> Outcome:
    """Write the student as a Hugging Face folder in float32."""
    report(0, 1, "students")
    tokens_from = inputs.get("vocabulary", inputs["parent"])
    parent = shape_of(read_config(inputs["parent"]))
    kept = np.load(tokens_from / "vocabulary.npy") if "vocabulary" in inputs else None
    target = settings.shape.of(parent, None if kept is None else len(kept))
    _check(parent, target)

    if isinstance(settings, RandomStart):
        torch.manual_seed(settings.seed)
        model = _empty(inputs["parent"], target, settings.shape.context, kept)
        edges: tuple[Edge, ...] = ()
    else:
        weights, layers = _pruned(inputs, settings, parent, target)
        if kept is not None:
            weights = _with_vocabulary(weights, torch.from_numpy(kept).long())
        model = _empty(inputs["parent"], target, settings.shape.context, kept)
        model.load_state_dict(weights, strict=False)
        model.tie_weights()
        edges = (
            Edge(
                kind="pruned_from",
                parent="parent",
                detail={
                    "layers": ",".join(map(str, layers)),
                    "layer_choice": settings.layer_choice,
                    **_reductions(parent, target),
                },
            ),
        )
    save(model, out)
    bring_companions(tokens_from, out)
    report(1, 1, "students")
    return Outcome(model=facts_of(model), edges=edges)


def _check(parent: ModelShape, target: ModelShape) -> None:
    larger = {
        name: (size, getattr(parent, name))
        for name, size in target.model_dump().items()
        if size > getattr(parent, name)
    }
    if larger:
        raise DescentError(
            "start.shape: "
            + ", ".join(
                f"{name} {new} exceeds its parent's {old}" for name, (new, old) in larger.items()
            )
            + ". A tier can only be smaller than what it starts from."
        )


#: What a configuration names tokens by.
TOKEN_IDS = ("bos_token_id", "eos_token_id", "pad_token_id")


def _empty(
    parent: Path, target: ModelShape, context: int | None, kept: NDArray[np.int32] | None
) -> Any:
    """A model of the target's shape and the parent's kind, with fresh random weights."""
    config = read_config(parent)
    if kept is not None:
        for name in TOKEN_IDS:
            setattr(config, name, _renumbered(getattr(config, name, None), kept))
    config.num_hidden_layers = target.layers
    config.hidden_size = target.hidden
    config.intermediate_size = target.intermediate
    config.num_attention_heads = target.heads
    config.num_key_value_heads = target.kv_heads
    config.head_dim = target.head_dim
    config.vocab_size = target.vocabulary
    config.dtype = torch.float32
    if context:
        config.max_position_embeddings = context
    return kind_of(config).from_config(config)


def _renumbered(old: Any, kept: NDArray[np.int32]) -> Any:
    """A token's id, or several, among the kept ones; None for one that is not kept."""
    if isinstance(old, list):
        return [new for one in old if (new := _renumbered(one, kept)) is not None]
    at = [] if old is None else np.flatnonzero(kept == old).tolist()
    return at[0] if at else None


def _pruned(
    inputs: Mapping[str, Path], settings: PruneStart, shape: ModelShape, target: ModelShape
) -> tuple[dict[str, torch.Tensor], list[int]]:
    """The parent's weights that matter most, and the layers they come from."""
    parent = load(inputs["parent"])
    sample = blocks.read(inputs["corpus"], inputs["parent"])
    rows = prune.spaced(min(settings.calibration, sample.count), sample.count).numpy()
    found = prune.measure(
        parent,
        shape,
        torch.from_numpy(sample.tokens[rows]).long(),
        torch.from_numpy(sample.positions[rows]).long(),
    )
    if settings.layer_choice == "spaced":
        layers = prune.spaced(target.layers, shape.layers)
    else:
        layers = prune.most(found.layers, target.layers)
    return prune.prune(parent, shape, target, layers, found), layers.tolist()


def _with_vocabulary(
    weights: Mapping[str, torch.Tensor], kept: torch.Tensor
) -> dict[str, torch.Tensor]:
    """The weights with the rows of the kept tokens alone."""
    by_token = ("model.embed_tokens.weight", "lm_head.weight")
    return {name: weight[kept] if name in by_token else weight for name, weight in weights.items()}


def _reductions(parent: ModelShape, target: ModelShape) -> dict[str, str]:
    before, after = parent.model_dump(), target.model_dump()
    return {
        f"{name}_change": f"{before[name]} to {after[name]}"
        for name in before
        if before[name] != after[name]
    }
