"""What no single field of a family file can know: names that point nowhere, shapes that cannot be
cut or exported, bounds that nothing is measured for.

Works on the raw file, since its other faults are to be told in the same breath: whatever has the
wrong type is passed over here, for pydantic tells about that.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import PurePath
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from family.corpus.prompts import asked
from family.corpus.split import fault_of, split
from family.faults import Fault, Path, choice
from family.licences.faults import licence_faults, teaching_faults
from family.schedules import rebuild_faults
from family.spec import (
    DATA,
    FLAGSHIP,
    Bound,
    Budget,
    Corpus,
    Distill,
    Evaluate,
    Export,
    FamilySpec,
    GrammarPrompts,
    ModelShape,
    QuantizationAware,
    Shape,
    Tier,
    UnreachableError,
    picked,
)

#: What a device cannot run about a shape: (field, found, expected, fix) for each fault.
TargetFaults = Callable[[ModelShape], Sequence[tuple[str, str, str, str]]]

#: Stands for a flagship of unknown shape; whatever it lends to a tier is never found at fault.
UNKNOWN = ModelShape(
    layers=1, hidden=32, intermediate=32, heads=1, kv_heads=1, head_dim=16, vocabulary=32
)

#: Least parameters of a teacher that is held in four bits.
BILLION = 1_000_000_000

PICKLES = {".bin", ".pt", ".pth", ".ckpt", ".pkl", ".pickle"}

MEASURED_ON_TIER = {"bits_per_byte", "kl", "agreement", "retention", "accuracy"}
MEASURED_ON_FP32 = {"max_abs_error", "greedy_match"}
#: What is measured with one task alone.
MEASURED_ON = {
    "causal-lm": {
        "bits_per_byte",
        "bits_per_byte_rise",
        "greedy_match",
        "decode_tokens_per_second",
        "decode_ratio",
        "time_to_first_token_ms",
    },
    "sequence-classification": {
        "accuracy",
        "accuracy_drop",
        "ms_per_row",
        "row_ratio",
        "rows_per_second",
    },
}


def cross_faults(data: Mapping[str, Any], target_faults: TargetFaults) -> Iterator[Fault]:
    """Every fault between fields; `data` is the family file with its defaults merged in."""
    yield from _source_faults(_mapping(data, "flagship", "source"))
    for place in ("flagship", *DATA, "responses"):
        yield from licence_faults(place, _mapping(data, place))
    yield from _prompt_faults(_mapping(data, "prompts"))
    yield from _precision_faults(data)
    tiers = {name: tier for name, tier in _mapping(data, "tiers").items() if _is_mapping(tier)}
    if FLAGSHIP in tiers:
        yield Fault(("tiers", FLAGSHIP), "`flagship` is what the family descends from. Rename it.")
    for name, tier in tiers.items():
        yield from _name_faults(name, tier, list(tiers))
        yield from _distill_faults(name, tier)
        yield from _loss_faults(name, tier, _value(data, "signal", "codec", "kind"))
        if "rows" in data and _value(tier, "distill", "on_policy"):
            yield Fault(
                ("tiers", name, "distill", "on_policy"),
                "a classifier writes nothing to learn from. Leave it out.",
            )
        yield from _gate_faults(name, tier, data.get("task", "causal-lm"))
        yield from _capability_faults(name, tier, data)
    yield from _shape_faults(data, tiers, target_faults)
    yield from rebuild_faults(_mapping(data, "rebuild"), data.get("family"))
    if spec := _valid(FamilySpec, data):
        yield from teaching_faults(spec)


# ---- where things come from ----------------------------------------------------------------


def _source_faults(source: Mapping[str, Any]) -> Iterator[Fault]:
    place: Path = ("flagship", "source")
    for field in ("path", "member"):
        value = source.get(field)
        if isinstance(value, str) and (kind := PurePath(value).suffix) in PICKLES:
            yield Fault(
                (*place, field),
                f"`{kind}` files hold pickled code, which is never run. Use safetensors or GGUF.",
            )
    requirement, member = source.get("requirement"), source.get("member")
    if isinstance(requirement, str) and not re.fullmatch(
        r"[A-Za-z0-9][A-Za-z0-9._-]*==[A-Za-z0-9.+!]+", requirement
    ):
        yield Fault(
            (*place, "requirement"),
            f"`{requirement}` is not one pinned package. Write `name==version`.",
        )
    if isinstance(member, str) and (PurePath(member).is_absolute() or ".." in member.split("/")):
        yield Fault((*place, "member"), f"`{member}` leaves the wheel. Name a file inside it.")


def _prompt_faults(prompts: Mapping[str, Any]) -> Iterator[Fault]:
    for index, request in enumerate(_list(prompts, "requests")):
        if isinstance(request, str) and "{topic}" not in request:
            yield Fault(
                ("prompts", "requests", index),
                f"`{request}` has no `{{topic}}` in it, so it asks the same of every topic. "
                "Write `{topic}` where the topic goes.",
            )
    settings = _valid(GrammarPrompts, prompts)
    if settings and (fault := fault_of(*split(asked(settings), settings), settings, "prompts")):
        yield Fault(("prompts", "held_out"), fault)


def _precision_faults(data: Mapping[str, Any]) -> Iterator[Fault]:
    """A teacher so small that four bits change what it says more than they save."""
    shape = _valid(ModelShape, _mapping(data, "flagship").get("shape"))
    asked = _value(data, "signal", "teacher_precision")
    if asked == "nf4" and shape and shape.parameters < BILLION:
        yield Fault(
            ("signal", "teacher_precision"),
            f"`nf4` changes what a teacher of {shape.parameters / 1e6:.0f}M parameters says by a "
            "KL of about 0.3, as much as a student may miss. Use `int8` (about 0.02), or `bf16`.",
        )


# ---- what tiers build on -------------------------------------------------------------------


def _name_faults(name: str, tier: Mapping[str, Any], tiers: list[str]) -> Iterator[Fault]:
    above = [FLAGSHIP, *tiers[: tiers.index(name)]]
    for path in (("teacher",), ("start", "from")):
        found = _value(tier, *path)
        if not isinstance(found, str) or found in above:
            continue
        place: Path = ("tiers", name, *path)
        if found == name:
            yield Fault(place, f"`{found}` is this tier itself. Name {_or(above)}.")
        elif found in tiers:
            yield Fault(
                place,
                f"`{found}` comes after {name}, and a tier builds only on those above it. "
                f"Move tiers.{found} above tiers.{name}.",
            )
        else:
            yield Fault(place, f"no tier is called `{found}`; {choice(found, [FLAGSHIP, *tiers])}")


def _distill_faults(name: str, tier: Mapping[str, Any]) -> Iterator[Fault]:
    asked, place = _mapping(tier, "distill"), ("tiers", name, "distill")
    named = ("batch", "accumulate", "distributed")
    step = _valid(Distill, {one: asked[one] for one in named if one in asked})
    if step and step.batch % step.accumulate:
        parts = [n for n in range(1, step.batch + 1) if step.batch % n == 0]
        near = [*(n for n in parts if n < step.accumulate)][-1:]
        near += [n for n in parts if n > step.accumulate][:1]
        yield Fault(
            (*place, "accumulate"),
            f"{step.accumulate} does not divide distill.batch, which is {step.batch}. "
            f"Use {' or '.join(map(str, near))}.",
        )
    elif step and step.batch % (shares := step.accumulate * step.distributed.world):
        above = -(-step.batch // shares) * shares
        yield Fault(
            (*place, "batch"),
            f"{step.batch} blocks cannot be shared out evenly: {step.distributed.world} processes "
            f"take {step.accumulate} parts each. Use {above}, or other numbers of them.",
        )
    quantize = _valid(QuantizationAware, asked.get("quantize"))
    exports = _exports(tier)
    raw = tier.get("export", exports)
    if not quantize or not isinstance(raw, Sequence) or len(raw) != len(exports):
        return  # what is wrong with an export is told elsewhere; it may be the int4 one
    sizes = [export.block_size for export in exports if export.precision == "int4"]
    if not sizes:
        yield Fault(
            (*place, "quantize"),
            f"{name} exports no int4 file, which is all that the int4 grid is for. Add int4 to "
            f"tiers.{name}.export, or write `quantize: null`.",
        )
    elif quantize.block_size != sizes[0]:
        yield Fault(
            (*place, "quantize", "block_size"),
            f"{quantize.block_size} is not the block_size of {name}'s int4 file, {sizes[0]}: it "
            f"would be rounded again. Use {sizes[0]}, or {quantize.block_size} in "
            f"tiers.{name}.export too.",
        )


def _loss_faults(name: str, tier: Mapping[str, Any], codec: object) -> Iterator[Fault]:
    """Terms that cannot be learned from what the signal holds."""
    asked = _mapping(tier, "distill")
    live = asked.get("signal") == "live"
    for index, term in enumerate(_list(asked, "loss")):
        place: Path = ("tiers", name, "distill", "loss", index)
        kind, heat = _value(term, "kind"), _value(term, "temperature") or 1
        if live or kind == "cross_entropy":
            continue
        if kind == "hidden_states":
            yield Fault(
                place,
                "hidden_states needs the teacher itself, and a signal holds its odds alone. Write "
                f"`signal: live` in tiers.{name}.distill.",
            )
        elif codec == "sampled" and not (kind == "forward_kl" and heat == 1):
            found = f"{kind} at temperature {heat}" if kind == "forward_kl" else kind
            yield Fault(
                place,
                f"{found} needs the teacher's odds themselves: with tokens that were drawn from "
                "them, as `signal.codec: {kind: sampled}` keeps, only forward_kl at temperature 1 "
                "comes out right on average. Use that, the codec top_k, or `signal: live`.",
            )


def _layer_faults(name: str, tier: Mapping[str, Any], layers: int) -> Iterator[Fault]:
    """Matched layers that the student does not have."""
    for index, term in enumerate(_list(_mapping(tier, "distill"), "loss")):
        named = _list(term, "layers") if _value(term, "kind") == "hidden_states" else ()
        for number in named:
            if isinstance(number, int) and not 1 <= number <= layers:
                yield Fault(
                    ("tiers", name, "distill", "loss", index, "layers"),
                    f"{name} has no layer {number}. Name some of 1 to {layers}.",
                )


def _gate_faults(name: str, tier: Mapping[str, Any], task: object) -> Iterator[Fault]:
    exports = _exports(tier)
    precisions = [export.precision for export in exports]
    for index, precision in enumerate(precisions):
        if precision in precisions[:index]:
            yield Fault(
                ("tiers", name, "export", index), f"{precision} stands twice. Leave one of them."
            )
    for index, raw in enumerate(_list(_mapping(tier, "gate"), "bounds")):
        place: Path = ("tiers", name, "gate", "bounds", index)
        if not (bound := _valid(Bound, raw)):
            continue
        for other, metrics in MEASURED_ON.items():
            if bound.metric in metrics and task in MEASURED_ON and task != other:
                yield Fault(
                    (*place, "metric"),
                    f"{bound.metric} is measured with `task: {other}` alone. Drop the bound, or "
                    f"use one of {', '.join(sorted(MEASURED_ON[str(task)]))}.",
                )
        if bound.file and bound.file not in precisions:
            yield Fault(
                (*place, "file"),
                f"{name} exports no {bound.file} file. Add {bound.file} to tiers.{name}.export, "
                "or drop the bound.",
            )
        if ":" in bound.metric:
            yield from _asked_faults(name, tier, bound, place)
        elif not bound.file and bound.metric not in MEASURED_ON_TIER:
            yield Fault(
                (*place, "file"),
                f"missing, and {bound.metric} is measured on files alone. Add `file`.",
            )
        if bound.file and bound.metric == "retention":
            yield Fault(
                (*place, "file"), "retention is measured on the tier itself. Leave out `file`."
            )
        if bound.file in ("int8", "int4") and bound.metric in MEASURED_ON_FP32:
            yield Fault((*place, "file"), f"{bound.metric} is measured on fp32 alone. Use fp32.")
        if bound.min is not None and bound.max is not None and bound.min > bound.max:
            yield Fault(place, f"no figure is at least {bound.min:g} and at most {bound.max:g}.")


# ---- tasks ---------------------------------------------------------------------------------


def _capability_faults(
    name: str, tier: Mapping[str, Any], data: Mapping[str, Any]
) -> Iterator[Fault]:
    place: Path = ("tiers", name, "evaluate")
    evaluate = _valid(Evaluate, _mapping(tier, "evaluate"))
    if not evaluate:
        return
    if evaluate.rouge and _value(data, "prompts", "kind") != "file":
        yield Fault(
            (*place, "rouge"),
            "there is nothing to hold answers against. ROUGE asks for `prompts` of `kind: file` "
            "whose rows have a `reference`.",
        )
    if not (asked := evaluate.lm_eval):
        return
    if "rows" in data:
        yield Fault(
            (*place, "lm_eval"),
            "these tasks ask for text, and a classifier answers with a class. Leave it out.",
        )
    exported = [export.precision for export in _exports(tier)]
    for index, precision in enumerate(asked.files or ()):
        if precision not in exported:
            yield Fault(
                (*place, "lm_eval", "files", index),
                f"{name} exports no {precision} file. Add {precision} to tiers.{name}.export, or "
                "leave it out here.",
            )
    context = _valid(Shape, _value(tier, "start", "shape") or {})
    if context and context.context and context.context < asked.context:
        yield Fault(
            (*place, "lm_eval", "context"),
            f"{asked.context} is more than {name} reads. Use at most {context.context} for every "
            "tier, or raise its shape.context.",
        )


def _asked_faults(name: str, tier: Mapping[str, Any], bound: Bound, place: Path) -> Iterator[Fault]:
    """Why nothing measures a task's figure."""
    evaluate = _valid(Evaluate, _mapping(tier, "evaluate"))
    if not evaluate:
        return
    where, task = (*place, "metric"), bound.metric.partition(":")[0]
    asked, rouge = evaluate.lm_eval, task == "rouge" and evaluate.rouge
    if not asked and not rouge:
        part = "rouge" if task == "rouge" else "lm_eval"
        yield Fault(where, f"{name} is asked no tasks. Add `evaluate: {{{part}: ...}}`.")
    elif bound.file and rouge:
        yield Fault((*place, "file"), "rouge is measured on the tier itself. Leave out `file`.")
    elif bound.file and asked and asked.files is not None and bound.file not in asked.files:
        yield Fault(
            (*place, "file"), f"evaluate.lm_eval.files leaves {bound.file} out. Add it there."
        )


# ---- shapes --------------------------------------------------------------------------------


def _shape_faults(
    data: Mapping[str, Any], tiers: Mapping[str, Any], target_faults: TargetFaults
) -> Iterator[Fault]:
    """Shapes against their parents and against what devices run.

    `owners` says where in the file each field of a shape was set; a field that nothing in the
    file sets cannot be at fault.
    """
    flagship = _valid(ModelShape, _mapping(data, "flagship").get("shape"))
    shapes = {FLAGSHIP: flagship or UNKNOWN}
    owners: dict[str, dict[str, Path]] = {FLAGSHIP: {}}
    if flagship:
        owners[FLAGSHIP] = {
            field: ("flagship", "shape", field) for field in ModelShape.model_fields
        }
        yield from _heads_fault(flagship, ("flagship", "shape", "heads"))
    block = _valid(Corpus, data.get("corpus", {}))
    for name, tier in tiers.items():
        start = _mapping(tier, "start")
        parent = start.get("from", FLAGSHIP)
        asked = _valid(Shape, start.get("shape", {})) or Shape()
        if not isinstance(parent, str) or parent not in shapes:
            shapes[name], owners[name] = UNKNOWN, {}
            continue
        here: Path = ("tiers", name, "start", "shape")
        if start.get("kind") == "candidates":
            for index, raw in enumerate(_list(start, "shapes")):
                if one := _valid(Shape, raw):
                    place: Path = ("tiers", name, "start", "shapes", index)
                    whole = one.of(asked.of(shapes[parent]))
                    if owners[parent]:
                        yield from _candidate_faults(parent, shapes[parent], whole, one, place)
            shapes[name], owners[name] = UNKNOWN, {}
            continue
        if budget := _valid(Budget, start.get("budget")):
            shapes[name], owners[name] = UNKNOWN, {}
            yield from _budget_faults(asked, here)
            if (
                parent in owners
                and owners[parent]
                and _value(data, "vocabulary", "kind") in (None, "full")
            ):
                try:
                    shapes[name] = picked(budget.parameters, shapes[parent])
                    owners[name] = owners[parent]
                except UnreachableError as error:
                    yield Fault((*here[:-1], "budget"), str(error))
            continue
        shapes[name] = asked.of(shapes[parent])
        asked_fields = asked.model_dump(exclude_none=True)
        owners[name] = {**owners[parent], **{field: (*here, field) for field in asked_fields}}
        if "layers" in owners[name]:
            yield from _layer_faults(name, tier, shapes[name].layers)
        if asked.context and block and asked.context < block.block:
            yield Fault(
                (*here, "context"),
                f"{asked.context} is shorter than corpus.block. Use at least {block.block}.",
            )
        if {"heads", "kv_heads"} <= owners[name].keys():
            changed = [field for field in ("heads", "kv_heads") if field in asked_fields]
            for first in changed[:1]:
                yield from _heads_fault(shapes[name], (*here, first))
        faults = list(_size_faults(parent, shapes[parent], shapes[name]))
        if start.get("kind") == "prune":
            faults += _group_fault(parent, shapes[parent], shapes[name])
        for fault in faults:
            if fault.path[0] in asked_fields and fault.path[0] in owners[parent]:
                yield Fault((*here, *fault.path), fault.text)
        if _exports(tier):
            for field, found, expected, fix in target_faults(shapes[name]):
                if field != "heads" and field in owners[name]:  # heads: told above
                    yield Fault(owners[name][field], f"{found} is not {expected}. {fix}")


def _candidate_faults(
    parent: str, big: ModelShape, small: ModelShape, asked: Shape, path: Path
) -> Iterator[Fault]:
    fields = asked.model_dump(exclude_none=True)
    for fault in (*_size_faults(parent, big, small), *_group_fault(parent, big, small)):
        if fault.path[0] in fields:
            yield Fault((*path, *fault.path), fault.text)


def _budget_faults(asked: Shape, path: Path) -> Iterator[Fault]:
    for field in asked.model_dump(exclude_none=True, exclude={"context"}):
        yield Fault(
            (*path, field),
            "a budget picks the shape, all but its context. Leave this out, or the budget.",
        )


def _heads_fault(shape: ModelShape, path: Path) -> Iterator[Fault]:
    if shape.heads % shape.kv_heads:
        below = shape.heads // shape.kv_heads * shape.kv_heads
        heads = " or ".join(str(n) for n in (below, below + shape.kv_heads) if n)
        yield Fault(
            path,
            f"{shape.heads} heads are not a multiple of {shape.kv_heads} kv_heads. Use {heads} "
            f"heads, or kv_heads that divide {shape.heads}.",
        )


def _size_faults(parent: str, big: ModelShape, small: ModelShape) -> Iterator[Fault]:
    """Where `small` is larger than `big`; paths start at the shape."""
    for field in ("layers", "hidden", "intermediate", "heads", "kv_heads"):
        least, most = getattr(small, field), getattr(big, field)
        if least > most:
            yield Fault(
                (field,),
                f"{least} is more than {parent} has, and a tier is never larger. "
                f"Use at most {most}.",
            )


def _group_fault(parent: str, big: ModelShape, small: ModelShape) -> Iterator[Fault]:
    """Why the heads of `small` cannot be cut out of those of `big`."""
    group, groups = big.heads // big.kv_heads, small.kv_heads
    if small.heads / groups > group and small.heads <= big.heads:
        field = "heads" if small.heads != big.heads else "kv_heads"
        yield Fault(
            (field,),
            f"{small.heads} heads over {groups} kv_heads make groups of "
            f"{small.heads / groups:g}, and {parent} has groups of {group}, which pruning cannot "
            f"join. Use at most {group * groups} heads, or more kv_heads.",
        )


# ---- looking into raw data -----------------------------------------------------------------

Model = TypeVar("Model", bound=BaseModel)


def _valid(model: type[Model], value: object) -> Model | None:
    """The value as a model, if it is one; if not, pydantic tells of it elsewhere."""
    try:
        return model.model_validate(value, by_name=False, by_alias=True)
    except ValidationError:
        return None


def _is_mapping(value: object) -> bool:
    return isinstance(value, Mapping)


def _value(data: object, *path: str) -> Any:
    for part in path:
        data = data.get(part) if isinstance(data, Mapping) else None
    return data


def _mapping(data: object, *path: str) -> Mapping[str, Any]:
    value = _value(data, *path)
    return value if isinstance(value, Mapping) else {}


def _list(data: object, *path: str) -> Sequence[Any]:
    value = _value(data, *path)
    return value if isinstance(value, (list, tuple)) else ()


def _exports(tier: Mapping[str, Any]) -> Sequence[Export]:
    if "export" not in tier:
        return Tier.model_fields["export"].default  # type: ignore[no-any-return]
    return [valid for raw in _list(tier, "export") if (valid := _valid(Export, raw))]


def _or(names: Sequence[str]) -> str:
    return " or ".join(f"`{name}`" for name in names)
