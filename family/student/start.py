"""The student before distillation: its parent, cut to the tier's shape and vocabulary."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from family.corpus import blocks
from family.errors import DescentError
from family.progress import report
from family.spec import ModelShape, PruneStart, RandomStart, UnreachableError, picked
from family.spec.budget import SLACK
from family.stage import Edge, Outcome
from family.student import prune
from family.student.companions import bring_companions
from family.student.layout import ONE_WIDTH, PER_LAYER, check_kind, token_weights
from family.teacher.open import facts_of, kind_of, load, read_config, save, shape_of


def start(inputs: Mapping[str, Path], settings: PruneStart | RandomStart, out: Path) -> Outcome:
    """Write the student as a Hugging Face folder in float32."""
    report(0, 1, "students")
    tokens_from = inputs.get("vocabulary", inputs["parent"])
    parent = shape_of(read_config(inputs["parent"]))
    kept = np.load(tokens_from / "vocabulary.npy") if "vocabulary" in inputs else None
    target = settings.shape.of(parent, None if kept is None else len(kept))
    if settings.budget:
        target = _within(settings.budget.parameters, inputs["parent"], target, kept)
    _check(parent, target)

    if isinstance(settings, RandomStart):
        torch.manual_seed(settings.seed)
        layers = prune.spaced(target.layers, parent.layers).tolist()
        model = _empty(inputs["parent"], target, settings.shape.context, layers, kept)
        edges: tuple[Edge, ...] = ()
    else:
        model, layers = _pruned(inputs, settings, parent, target, kept)
        edges = (
            Edge(
                kind="pruned_from",
                parent="parent",
                detail={
                    "layers": ",".join(map(str, layers)),
                    "layer_choice": settings.layer_choice,
                    **({"budget": settings.budget.parameters} if settings.budget else {}),
                    **_reductions(parent, target),
                },
            ),
        )
    save(model, out)
    bring_companions(tokens_from, out)
    report(1, 1, "students")
    return Outcome(model=facts_of(model), edges=edges)


def _within(
    bound: int, parent: Path, largest: ModelShape, kept: NDArray[np.int32] | None
) -> ModelShape:
    """The shape that a budget comes to. A shape counts its weights as a llama has them, which is
    right at once for most; else the bound is moved by as much as the count was off."""
    config = read_config(parent)
    asked = bound
    try:
        for _ in range(8):
            target = picked(asked, largest, one_width=config.model_type in ONE_WIDTH)
            layers = prune.spaced(target.layers, config.num_hidden_layers).tolist()
            with torch.device("meta"):
                found = _empty(parent, target, None, layers, kept).num_parameters()
            if (1 - SLACK) * bound <= found <= bound:
                return target
            asked = int(asked * (1 - SLACK / 2) * bound / found)
    except UnreachableError as fault:
        raise DescentError(f"start.budget: {fault}") from fault
    raise DescentError(
        f"start.budget: no shape that every export runs has between "
        f"{(1 - SLACK) * bound / 1e6:.4g}M and {bound / 1e6:.4g}M weights. The closest has "
        f"{found / 1e6:.4g}M. Use that many, or write a shape."
    )


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
    parent: Path,
    target: ModelShape,
    context: int | None,
    layers: Sequence[int],
    kept: NDArray[np.int32] | None,
) -> Any:
    """A model of the target's shape and the parent's kind, with fresh random weights.

    `layers` are the parent's, in whose place its layers stand."""
    config = read_config(parent)
    check_kind(config, target)
    if kept is not None:
        for name in TOKEN_IDS:
            setattr(config, name, _renumbered(getattr(config, name, None), kept))
    config.num_hidden_layers = target.layers
    config.hidden_size = target.hidden
    config.intermediate_size = target.intermediate
    config.num_attention_heads = target.heads
    if hasattr(config, "num_key_value_heads"):
        config.num_key_value_heads = target.kv_heads
    config.head_dim = target.head_dim
    config.vocab_size = target.vocabulary
    for name in PER_LAYER:
        if of_each := getattr(config, name, None):
            setattr(config, name, [of_each[layer] for layer in layers])
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
    inputs: Mapping[str, Path],
    settings: PruneStart,
    shape: ModelShape,
    target: ModelShape,
    kept: NDArray[np.int32] | None,
) -> tuple[Any, list[int]]:
    """A model with the parent's weights that matter most, and the layers they come from."""
    parent = load(inputs["parent"])
    sample = blocks.read(inputs["corpus"], inputs["parent"])
    rows = prune.spaced(min(settings.calibration, sample.count), sample.count).numpy()
    tokens = torch.from_numpy(sample.tokens[rows]).long()
    positions = torch.from_numpy(sample.positions[rows]).long()
    found = prune.measure(parent, shape, tokens, positions)
    match settings.layer_choice:
        case "influence":
            layers = prune.most(found.layers, target.layers)
        case "loss":
            labels = torch.from_numpy(sample.labels[rows]).long()
            layers = prune.least_missed(parent, target.layers, tokens, positions, labels)
        case "spaced":
            layers = prune.spaced(target.layers, shape.layers)
    weights = prune.prune(parent, shape, target, layers, found)
    model = _empty(inputs["parent"], target, settings.shape.context, layers.tolist(), kept)
    _rescale(weights, parent, model)
    if kept is not None:
        rows_kept = torch.from_numpy(kept).long()
        weights |= {name: weights[name][rows_kept] for name in token_weights(parent)}
    model.load_state_dict(weights)
    return model, layers.tolist()


def _rescale(weights: dict[str, torch.Tensor], parent: Any, student: Any) -> None:
    """Undo what a gemma makes of fewer channels: it multiplies embeddings by sqrt(hidden).

    The embedding takes up the difference; where it is the head too, the last norm, which
    multiplies by 1 + weight, gives it back."""
    before, after = (
        getattr(model.get_input_embeddings(), "scalar_embed_scale", 1.0)
        for model in (parent, student)
    )
    if before == after:
        return
    ratio = before / after
    names = token_weights(parent) if parent.config.tie_word_embeddings else ()
    for name, module in parent.named_modules(remove_duplicate=False):
        if module is parent.get_input_embeddings() or f"{name}.weight" in names:
            weights[f"{name}.weight"] = weights[f"{name}.weight"] * ratio
        elif names and module is parent.base_model.norm:
            weights[f"{name}.weight"] = (1 + weights[f"{name}.weight"]) / ratio - 1


def _reductions(parent: ModelShape, target: ModelShape) -> dict[str, str]:
    before, after = parent.model_dump(), target.model_dump()
    return {
        f"{name}_change": f"{before[name]} to {after[name]}"
        for name in before
        if before[name] != after[name]
    }
