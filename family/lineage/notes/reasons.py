"""Why something is other than before, in words; each function is a filter of its name."""

import json
import re
from collections.abc import Iterable, Mapping, Sequence

from pydantic import JsonValue

from family.lineage.changes import EdgeChange
from family.lineage.notes.data import Cause, Surroundings
from family.lineage.notes.words import cell, joined
from family.lineage.words import PHRASES, scalar, spaced

#: Longer values are cut; `--json` has them whole.
LONGEST = 60
FEW = 3
DIGEST = re.compile(r"[0-9a-f]{64}")


def by_tiers(found: Iterable[Cause]) -> Mapping[tuple[str, ...], Sequence[Cause]]:
    """Causes by the tiers that they concern."""
    whose: dict[tuple[str, ...], list[Cause]] = {}
    for one in found:
        whose.setdefault(one.tiers, []).append(one)
    return whose


def cause(found: Cause) -> str:
    """`nano · distill`: tokens 200,000 → 220,000."""
    match found.kind:
        case "code":
            what = "its code" if found.what == "version" else f"its {found.what}"
            said = f"{what}, {moved(found.before, found.after)}"
        case "data":
            said = f"what was brought as {found.what}: {moved(found.before, found.after)}"
        case "input":
            said = f"its {spaced(found.what)}: {moved(found.before, found.after)}"
        case _:
            said = f"`{found.what}` {moved(found.before, found.after)}"
    return f"{found.step}: {said}"


def rewired(found: EdgeChange, family: str) -> str:
    """`nano` is distilled from mini, no longer from flagship; tokens 200,000 → 220,000."""
    bare = {
        name: name.removeprefix(f"{family}/") if name else ""
        for name in (found.before, found.after)
    }
    before, after = bare[found.before], bare[found.after]
    said = PHRASES[found.kind].format(after or before)
    if not after:
        said = f"no longer {said}"
    elif not before:
        said = f"new: {said}"
    elif before != after:
        said += f", before from {before}"
    details = "; ".join(
        f"{spaced(one.what)} {moved(one.before, one.after)}" for one in found.detail
    )
    if details and before and after:
        said += f": {details}"
    return f"**{found.child.removeprefix(f'{family}/')}**: {said}"


def surrounding(found: Surroundings) -> str:
    """`torch 2.12.0 → 2.13.0 (mini, nano)`."""
    before, after = (
        "not recorded" if one is None else str(one) for one in (found.before, found.after)
    )
    return f"{cell(found.what)} {cell(before)} → {cell(after)} ({joined(found.tiers)})"


def moved(before: JsonValue, after: JsonValue) -> str:
    """`200,000 → 220,000`; of lists, what was added and removed."""
    if isinstance(before, list) and isinstance(after, list):
        return _list_moved(before, after)
    return f"{value(before)} → {value(after)}"


def value(found: JsonValue) -> str:
    """A recorded value, cut if it is long."""
    match found:
        case None:
            return "none"
        case str() if DIGEST.fullmatch(found):
            return f"`{found[:16]}`"
        case str():
            said = found
        case bool() | int() | float():
            return scalar(found)
        case dict():
            said = ", ".join(f"{spaced(name)} {value(one)}" for name, one in found.items())
        case _:
            said = ", ".join(map(value, found)) or "none"
    return cell(said if len(said) <= LONGEST else f"{said[: LONGEST - 1]}…")


def _list_moved(before: list[JsonValue], after: list[JsonValue]) -> str:
    was, now = (dict.fromkeys(map(_canonical, one)) for one in (before, after))
    added = [one for one in now if one not in was]
    removed = [one for one in was if one not in now]
    if not added and not removed:
        return "in another order"
    said = {"added": added, "removed": removed}
    return "; ".join(f"{what} {_some(values)}" for what, values in said.items() if values)


def _some(values: Sequence[str]) -> str:
    said = "; ".join(value(json.loads(one)) for one in values[:FEW])
    more = len(values) - FEW
    return said + (f" and {more} more" if more > 0 else "")


def _canonical(found: JsonValue) -> str:
    return json.dumps(found, sort_keys=True)
