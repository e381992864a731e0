"""Figures and changes in words, as templates use them: each function is a filter of its name."""

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from pydantic import JsonValue

from family.lineage.notes.compare import OF_FILES, SIZE, TIMED
from family.lineage.notes.data import (
    Bound,
    Cause,
    Compared,
    FileNotes,
    Finding,
    MemberNotes,
    Rewired,
    Surroundings,
)
from family.lineage.views import Parent
from family.lineage.words import PHRASES, megabytes, millions, rate, scalar, spaced
from family.lineage.words import edge as edge_words

NONE = "-"
TITLES = {
    "bits_per_byte": "bits per byte",
    "agreement": "agreement",
    "retention": "retention",
    "kl": "KL",
    SIZE: "MB",
    "decode_tokens_per_second": "tokens/s",
    "time_to_first_token_ms": "ms to the first token",
}
#: Longer values are cut; `--json` has them whole.
LONGEST = 60
FEW = 3
DIGEST = re.compile(r"[0-9a-f]{64}")


# ---- figures -------------------------------------------------------------------------------


def titled(name: str) -> str:
    """How a figure is called."""
    return TITLES.get(name, spaced(name))


def figure(found: Compared | None) -> str:
    """`0.464 (0.420 to 0.509)`, `38.1`; `-` for none."""
    return _value(found.name, found.value, found.interval) if found else NONE


def change(found: Compared | None) -> str:
    """`-0.016, better`, `+12.0 %, **worse**`, `not comparable`."""
    if found is None:
        return NONE
    said = {"new": "new", "same": "as before", "apart": "not comparable"}
    if found.before is None or found.standing in said:
        return said[found.standing]
    mark = {"better": ", better", "worse": ", **worse**"}.get(found.standing, "")
    return _by(found) + mark


def finding(found: Finding) -> str:
    """`**mini**: agreement fell from 0.742 (0.718 to 0.765) to 0.700 (-0.042).`"""
    one = found.figure
    assert one.before is not None
    before = _value(one.name, one.before, one.before_interval)
    went = "rose" if one.value > one.before else "fell"
    return f"**{found.of}**: {titled(one.name)} {went} from {before} to {figure(one)} ({_by(one)})."


def apart(found: Iterable[Finding]) -> Iterator[str]:
    """`agreement, KL of mini, nano: measured under another protocol`."""
    of: dict[tuple[str, str], list[str]] = {}
    for one in found:
        of.setdefault((one.figure.why, one.of), []).append(titled(one.figure.name))
    whose: dict[tuple[str, tuple[str, ...]], list[str]] = {}
    for (why, name), figures in of.items():
        whose.setdefault((why, tuple(figures)), []).append(name)
    for (why, titles), names in whose.items():
        yield f"{joined(titles)} of {joined(names)}: {why}"


def brief(found: MemberNotes) -> str:
    """Size, quality, and what the smallest files weigh and do."""
    said = [f"{millions(found.parameters)} parameters"]
    if agreement := found.figure("agreement"):
        said.append(f"agreement with the flagship {figure(agreement)}")
    if retention := found.figure("retention"):
        said.append(f"retention {figure(retention)}")
    if found.files:
        said.append(_file_in_brief(min(found.files, key=_size)))
    if found.passed is not None:
        said.append("gate passed" if found.passed else "gate **missed**")
    return "; ".join(said)


def _file_in_brief(file: FileNotes) -> str:
    said = f"{file.precision} takes {megabytes(_size(file))} MB"
    if speed := file.figure("decode_tokens_per_second"):
        said += f" and decodes {rate(speed.value)} tokens/s"
    return said


def _size(file: FileNotes) -> float:
    found = file.figure(SIZE)
    assert found
    return found.value


def _value(name: str, value: float, interval: tuple[float, float] | None = None) -> str:
    if name == SIZE:
        return megabytes(value)
    if name in TIMED:
        return rate(value)
    if interval is None:
        return f"{value:.3f}"
    return f"{value:.3f} ({interval[0]:.3f} to {interval[1]:.3f})"


def _by(found: Compared) -> str:
    assert found.before is not None
    moved = found.value - found.before
    if found.name in OF_FILES and found.interval is None and found.before:
        return f"{moved / found.before:+.1%}".replace("%", " %")
    return f"{moved:+.3f}"


# ---- what was changed ----------------------------------------------------------------------


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


def rewired(found: Rewired, family: str) -> str:
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


# ---- models, gates and machines ------------------------------------------------------------


def edge(found: Parent, family: str) -> str:
    """`distilled from flagship over 200,000 tokens with 1 forward_kl (steps 195, seed 0)`."""
    detail = {name: value for name, value in found.detail.items() if name != "precision"}
    name = found.name.partition("@")[0].removeprefix(f"{family}/")
    return edge_words(found.kind, name, detail)


def making(found: MemberNotes) -> Iterator[Parent]:
    """The edges of a model without the one to its own start, whose edges are among them."""
    for parent in found.parents:
        if (parent.kind, parent.name.partition("@")[0]) != (
            "initialised_from",
            f"{found.name}/start",
        ):
            yield parent


def verdict(found: Bound) -> str:
    """`met`, or by how much the bound was missed."""
    return "met" if found.passed else f"missed by {abs(found.value - found.limit):.3g}"


def counted(found: Mapping[str, Any]) -> str:
    """`tokens 77,087; targets 53,757`."""
    return "; ".join(f"{spaced(name)} {scalar(one)}" for name, one in found.items()) or NONE


def percent(share: float) -> str:
    """`2 %`."""
    return f"{100 * share:.3g} %"


def number(found: float | None) -> str:
    """`1,234`, `2.8`; `-` for none."""
    if found is None:
        return NONE
    return f"{found:,.0f}" if abs(found) >= 10 else f"{found:.2g}"


# ---- text ----------------------------------------------------------------------------------


def joined(found: Iterable[str]) -> str:
    """`mini, nano and edge`."""
    *first, last = [*found] or [NONE]
    return f"{', '.join(first)} and {last}" if first else last


def cell(text: str) -> str:
    """Text that stands in a table or in one line."""
    return " ".join(str(text).split()).replace("|", "\\|")


def plural(count: int, word: str) -> str:
    """`1 model`, `3 models`, `2 duties`."""
    many = f"{word.removesuffix('y')}ies" if word.endswith("y") else f"{word}s"
    return f"{count:,} {word if count == 1 else many}"


FILTERS: Mapping[str, Callable[..., Any]] = {
    one.__name__: one
    for one in (
        apart, brief, by_tiers, cause, cell, change, counted, edge, figure, finding, joined,
        making, megabytes, millions, moved, number, percent, plural, rate, rewired, scalar, spaced,
        surrounding, titled, value, verdict,
    )
}  # fmt: skip
