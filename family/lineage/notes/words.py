"""Figures and changes in words, as templates use them: each function is a filter of its name."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from family.lineage.notes.compare import OF_FILES, SIZE, TIMED
from family.lineage.notes.data import Compared, FileNotes, Finding, MemberNotes
from family.lineage.views import Parent
from family.lineage.words import edge as edge_words
from family.lineage.words import megabytes, millions, rate, scalar, spaced

NONE = "-"
TITLES = {
    "accuracy": "accuracy",
    "bits_per_byte": "bits per byte",
    "agreement": "agreement",
    "retention": "retention",
    "kl": "KL",
    SIZE: "MB",
    "decode_tokens_per_second": "tokens/s",
    "time_to_first_token_ms": "ms to the first token",
    "rows_per_second": "rows/s",
    "ms_per_row": "ms a row",
}


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
    what = "size in MB" if one.name == SIZE else titled(one.name)
    return f"**{found.of}**: {what} {went} from {before} to {figure(one)} ({_by(one)})."


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
    if accuracy := found.figure("accuracy"):
        said.append(f"accuracy {figure(accuracy)}")
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
    if speed := file.figure("rows_per_second"):
        said += f" and labels {rate(speed.value)} rows/s"
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


# ---- models and counts ------------------------------------------------------------


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
