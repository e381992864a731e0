"""From a family file to a FamilySpec, or to every fault in it at once.

`defaults:` holds a part of a tier and stands under every tier: mappings are merged, the tier's
values win, and lists replace. A section whose `kind` differs from the default's replaces it too,
for the fields of one variant mean nothing to another.
"""

from collections.abc import Iterable, Mapping
from copy import deepcopy
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from family.checks import TargetFaults, cross_faults
from family.errors import SpecError
from family.faults import Fault, shown, spec_faults, written
from family.spec import FamilySpec, FromFile, Tier

Place = tuple[str | int, ...]

#: The safe loader in C where PyYAML was built with it: ten times faster.
Loader: type[yaml.SafeLoader] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def load(
    path: Path,
    target_faults: TargetFaults = lambda shape: (),
    changes: Mapping[str, Any] | None = None,
) -> FamilySpec:
    """Read and check a family file, with `changes`, a part of one, laid over it.

    `target_faults` tells what no device can run about a tier's shape. Relative paths in the file
    come out absolute. Raises SpecError with all faults.
    """
    raw = _under(changes or {}, _read(path), (), set())
    data, inherited = _merged(raw, path)
    faults: list[Fault] = []
    try:
        # `from` is the one spelling that a file has, though Python says `parent`.
        spec = FamilySpec.model_validate(data, by_name=False, by_alias=True)
    except ValidationError as error:
        faults = spec_faults(error)
    known = {fault.path for fault in faults}
    for fault in cross_faults(data, target_faults):
        if fault.path not in known:
            known.add(fault.path)
            faults.append(fault)
    if faults:
        faults.sort(key=lambda fault: _position(fault.path, data))
        lines = (f"{written(_as_typed(fault.path, inherited))}: {fault.text}" for fault in faults)
        raise SpecError(str(path), list(dict.fromkeys(lines)))
    return _with_absolute_paths(spec, path.absolute().parent)


# ---- YAML ----------------------------------------------------------------------------------


def _read(path: Path) -> dict[Any, Any]:
    def refused(*faults: str) -> SpecError:
        return SpecError(str(path), faults)

    try:
        loader = Loader(path.read_text(encoding="utf-8"))
        node = loader.get_single_node()
        if faults := list(_node_faults(node, (), ())):
            raise refused(*faults)
        data = loader.construct_document(node) if node else None
    except FileNotFoundError:
        raise refused("there is no such file. Check the path.") from None
    except IsADirectoryError:
        raise refused("it is a folder. Name the YAML file in it.") from None
    except UnicodeDecodeError as error:
        raise refused(f"it is not UTF-8 text: {error.reason}. Save it as UTF-8.") from None
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        what = ", ".join(filter(None, (error.context, error.problem)))
        place = f"line {mark.line + 1}, column {mark.column + 1}" if mark else "somewhere"
        raise refused(f"{place}: not YAML that is read here: {what}.") from None
    except yaml.YAMLError as error:
        raise refused(f"not YAML: {' '.join(str(error).split())}.") from None
    if not isinstance(data, dict):
        raise refused(f"it holds {shown(data)}; a family file is a mapping that begins `family:`")
    return data


def _node_faults(
    node: yaml.Node | None, path: Place, within: tuple[yaml.Node | None, ...]
) -> Iterable[str]:
    """Keys that stand twice (YAML itself would silently keep the last), and endless loops."""
    if node in within:
        yield f"{written(path)}: it contains itself. Write the value out."
    elif isinstance(node, yaml.MappingNode):
        lines: dict[str, int] = {}
        for key, value in node.value:
            name, line = str(key.value), key.start_mark.line + 1
            if name in lines:
                yield (
                    f"{written((*path, name))}: stands twice, on lines {lines[name]} and {line}. "
                    "Keep one."
                )
            lines[name] = line
            yield from _node_faults(value, (*path, name), (*within, node))
    elif isinstance(node, yaml.SequenceNode):
        for index, item in enumerate(node.value):
            yield from _node_faults(item, (*path, index), (*within, node))


# ---- defaults ------------------------------------------------------------------------------


def _merged(raw: dict[Any, Any], path: Path) -> tuple[dict[Any, Any], set[Place]]:
    """The file with `defaults` under every tier, and the paths that were taken from there."""
    data = {key: value for key, value in raw.items() if key != "defaults"}
    defaults, tiers = raw.get("defaults", {}), data.get("tiers")
    if not isinstance(defaults, Mapping):
        raise SpecError(
            str(path), [f"defaults: {shown(defaults)} stands where a mapping is expected."]
        )
    inherited: set[Place] = set()
    if isinstance(tiers, Mapping):
        data["tiers"] = {
            name: _under(tier, defaults, ("tiers", name), inherited)
            if isinstance(tier, Mapping)
            else tier
            for name, tier in tiers.items()
        }
    return data, inherited


def _under(
    value: Mapping[Any, Any], default: Mapping[Any, Any], place: Place, inherited: set[Place]
) -> dict[Any, Any]:
    merged = dict(value)
    if value.get("kind", default.get("kind")) != default.get("kind"):
        return merged
    for key, below in default.items():
        if key not in value:
            merged[key] = deepcopy(below)
            inherited.add((*place, key))
        elif isinstance(value[key], Mapping) and isinstance(below, Mapping):
            merged[key] = _under(value[key], below, (*place, key), inherited)
    return merged


def _as_typed(path: Place, inherited: set[Place]) -> Place:
    """Where the user typed it: `defaults...` if a tier took it from there."""
    taken = any(path[:end] in inherited for end in range(len(path) + 1))
    return ("defaults", *path[2:]) if taken else path


def _position(path: Place, data: Any) -> tuple[int, ...]:
    """Sorts faults as their places follow one another in the file; what is missing comes last."""
    found = []
    for part in path:
        keys = list(data) if isinstance(data, Mapping) else []
        if isinstance(part, int):
            found.append(part)
            data = data[part] if isinstance(data, (list, tuple)) and part < len(data) else None
        else:
            found.append(keys.index(part) if part in keys else len(keys))
            data = data[part] if part in keys else None
    return tuple(found)


# ---- paths ---------------------------------------------------------------------------------


def _with_absolute_paths(spec: FamilySpec, folder: Path) -> FamilySpec:
    source = spec.flagship.source
    if hasattr(source, "path"):
        source = source.model_copy(update={"path": str(folder / Path(source.path).expanduser())})
    data = {
        name: held.model_copy(update=_absolute(held, folder))
        for name, held in spec.data.items()
        if isinstance(held, FromFile)
    }
    text = spec.flagship.licence_file
    if text:
        text = str(folder / Path(text).expanduser())
    flagship = spec.flagship.model_copy(update={"source": source, "licence_file": text})
    tiers = {name: _with_absolute_tasks(tier, folder) for name, tier in spec.tiers.items()}
    return spec.model_copy(update={"flagship": flagship, "tiers": tiers, **data})


def _absolute(held: FromFile, folder: Path) -> dict[str, str]:
    """The paths of a file to teach with."""
    named = {name: getattr(held, name, None) for name in ("path", "held_out_path")}
    return {name: str(folder / Path(path).expanduser()) for name, path in named.items() if path}


def _with_absolute_tasks(tier: Tier, folder: Path) -> Tier:
    asked = tier.evaluate.lm_eval
    if not asked or not asked.include:
        return tier
    include = str(folder / Path(asked.include).expanduser())
    lm_eval = asked.model_copy(update={"include": include})
    evaluate = tier.evaluate.model_copy(update={"lm_eval": lm_eval})
    return tier.model_copy(update={"evaluate": evaluate})
