"""Figures and edges in words, the same in every report."""

from collections.abc import Mapping, Sequence

from family.stage import Scalar, Verdict

NONE = "-"

#: How an edge is said, up to its parent's name.
PHRASES = {
    "pruned_from": "pruned from {}",
    "distilled_from": "distilled from {}",
    "initialised_from": "started from {}",
    "finetuned_from": "fine-tuned from {}",
    "quantized_from": "quantized from {}",
    "exported_from": "exported from {}",
    "data_generated_by": "taught on text that {} wrote",
    "taught_on": "taught on {}",
}


def millions(parameters: int) -> str:
    """`61.0 M`."""
    return f"{parameters / 1e6:.1f} M"


def megabytes(size: float) -> str:
    """`38.4`, `244`: three digits, in MB."""
    return f"{size:.0f}" if size >= 100 else f"{size:.3g}"


def size(count: float) -> str:
    """`34.5 MB`, with 1 MB = 1e6 bytes."""
    for unit, scale in (("TB", 1e12), ("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if count >= scale:
            return f"{count / scale:.3g} {unit}"
    return f"{count:.0f} B"


def rate(value: float) -> str:
    """`1,190`, `86.4`: tokens per second."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def duration(seconds: float) -> str:
    """`42 s`, `3 min 20 s`, `1 h 05 min`."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"


def edge(kind: str, parent: str, detail: Mapping[str, Scalar]) -> str:
    """`distilled from flagship over 200,000 tokens with 1 forward_kl (steps 195, seed 0)`."""
    rest = dict(detail)
    said = PHRASES[kind].format(parent)
    if tokens := rest.pop("tokens", None):
        said += f" over {scalar(tokens)} tokens"
    if loss := rest.pop("loss", None):
        said += f" with {loss}"
    if rest:
        said += f" ({', '.join(f'{spaced(name)} {scalar(rest[name])}' for name in rest)})"
    return said


def scalar(value: Scalar) -> str:
    """`200,000`, `0.001`, `yes`."""
    match value:
        case bool():
            return "yes" if value else "no"
        case int():
            return f"{value:,}"
        case float():
            return f"{value:.4g}"
    return value


def spaced(name: str) -> str:
    """`max abs error`; of a task, whose name is its own, `arc_easy acc`."""
    return name.replace(":", " ") if ":" in name else name.replace("_", " ")


def verdict(found: Verdict) -> str:
    """`met`, or by how much the bound was missed."""
    if found.passed:
        return "met"
    return f"missed by {abs(found.value - found.limit):.3g}"


def markdown_table(columns: Sequence[str], rows: Sequence[Sequence[str]], left: int = 1) -> str:
    """A table whose first `left` columns stand to the left and whose figures to the right."""
    rules = ["---" if place < left else "---:" for place in range(len(columns))]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (columns, rules, *rows))
