"""The scorecard: what each member weighs, how good it is, and how fast."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from pydantic import Field

from family.lineage.views import Figure, Measured, Member, Shipped, Status, View, is_task
from family.lineage.words import NONE, markdown_table, megabytes, millions, rate, spaced
from family.spec import RETENTION

if TYPE_CHECKING:
    from rich.table import Table

APART = "†"
#: What was labelled, where a family's models are classifiers.
ROWS = "rows"
SPEEDS = {"decode_tokens_per_second": "tokens/s", "rows_per_second": "rows/s"}
QUALITY = {
    "accuracy": "accuracy",
    "bits_per_byte": "bits per byte",
    "agreement": "agreement",
    "retention": "retention",
    "kl": "KL",
}
WITH_INTERVAL = ("accuracy", "bits_per_byte")
MEANING = {
    "accuracy": "Accuracy: how often the likeliest label is right ({n}), with the 95 % interval.",
    "bits_per_byte": "Bits per byte of held-out text ({n}), with the 95 % interval; lower is "
    "better.",
    "agreement": "Agreement: how often the likeliest next token is the flagship's ({n}).",
    "retention": "Retention: the flagship's bits per byte over the model's.",
    "kl": "KL to the flagship, in nats per token ({n}).",
    "decode_tokens_per_second": "Tokens/s: decoding, the median of {n}.",
    "rows_per_second": "Rows/s: labelling them in batches, the median of {n}.",
}
#: Of classifiers.
OF_ROWS = {
    "agreement": "Agreement: how often the likeliest label is the flagship's ({n}).",
    "retention": "Retention: the model's accuracy over the flagship's.",
    "kl": "KL to the flagship, in nats per row ({n}).",
}


class Scorecard(View):
    """A table in words, the flagship first. No claim is in it that was not measured."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    remarks: tuple[str, ...] = Field(description="What must be known to read it.")

    def records(self) -> list[dict[str, str]]:
        """The rows by column."""
        return [dict(zip(self.columns, row, strict=True)) for row in self.rows]

    def markdown(self) -> str:
        """The table and its remarks as Markdown."""
        return f"{markdown_table(self.columns, self.rows)}\n\n{' '.join(self.remarks)}\n"

    def table(self) -> "Table":
        """The table for a terminal: a column per model, so that a narrow one has room."""
        from rich.box import SIMPLE_HEAD
        from rich.table import Table

        table = Table(
            self.columns[0],
            title=self.title,
            caption="\n".join(self.remarks),
            box=SIMPLE_HEAD,
            title_justify="left",
            caption_justify="left",
        )
        for row in self.rows:
            table.add_column(row[0], justify="right")
        for place, title in enumerate(self.columns[1:], start=1):
            table.add_row(title, *(row[place] for row in self.rows))
        return table


def scorecard(status: Status) -> Scorecard:
    """Sizes, quality and speed of every member.

    Figures that stand in one column share a protocol; one that does not is marked.
    """
    members = status.members
    columns: dict[str, Sequence[str]] = {
        "model": [member.tier for member in members],
        "parameters": [millions(member.parameters) for member in members],
    }
    precisions = list(dict.fromkeys(file.precision for one in members for file in one.files))
    for precision in precisions:
        files = [member.file(precision) for member in members]
        columns[f"{precision} MB"] = [megabytes(one.megabytes) if one else NONE for one in files]
    for name, title in QUALITY.items():
        figures = [member.figure(name) for member in members]
        columns[title] = _column(figures, _with_interval if name in WITH_INTERVAL else _quality)
    columns |= _tasks("", members)
    for precision in precisions:
        columns |= _tasks(f"{precision} ", [_exported(member, precision) for member in members])
    for precision in precisions:
        files = [member.file(precision) for member in members]
        for name, title in SPEEDS.items():
            speeds = [one.figure(name) if one else None for one in files]
            columns[f"{precision} {title}"] = _column(speeds, lambda figure: rate(figure.value))
    columns = {title: cells for title, cells in columns.items() if set(cells) != {NONE}}
    return Scorecard(
        title=status.family,
        columns=tuple(columns),
        rows=tuple(zip(*columns.values(), strict=True)),
        remarks=tuple(_remarks(members, columns)),
    )


def _exported(member: Member, precision: str) -> Shipped | None:
    """A member's files, if they are not the member itself, as the flagship's are."""
    file = member.file(precision)
    return file if file and file.model != member.model else None


def _tasks(prefix: str, measured: Sequence[Measured | None]) -> dict[str, Sequence[str]]:
    """A column for each task's figure: what it is, and how much of the flagship's that is."""
    asked = [one.name for each in measured if each for one in each.metrics if is_task(one)]
    columns: dict[str, Sequence[str]] = {}
    for name in dict.fromkeys(asked):
        if name.endswith(RETENTION):
            continue
        kept = [one.figure(name + RETENTION) if one else None for one in measured]
        shares = [f", {100 * figure.value:.1f} %" if figure else "" for figure in kept]
        cells = _column([one.figure(name) if one else None for one in measured], _of_task)
        columns[prefix + spaced(name)] = [f"{a}{b}" for a, b in zip(cells, shares, strict=True)]
    return columns


def _column(figures: Sequence[Figure | None], cell: Callable[[Figure], str]) -> Sequence[str]:
    """One cell per figure; those of another protocol than the first one's are marked."""
    protocol = next((figure.protocol for figure in figures if figure), None)
    return [
        NONE if not figure else cell(figure) + (APART if figure.protocol != protocol else "")
        for figure in figures
    ]


def _quality(figure: Figure) -> str:
    return f"{figure.value:.3f}"


def _of_task(figure: Figure) -> str:
    return f"{figure.value:,.0f}" if abs(figure.value) >= 1000 else _quality(figure)


def _with_interval(figure: Figure) -> str:
    if figure.interval is None:
        return _quality(figure)
    low, high = figure.interval
    return f"{figure.value:.3f} ({low:.3f} to {high:.3f})"


def _remarks(members: Sequence[Member], columns: Mapping[str, Sequence[str]]) -> Iterator[str]:
    for name, meaning in MEANING.items():
        measured: Iterable[Measured] = members
        if name in SPEEDS:
            measured = [file for member in members for file in member.files]
        if found := next(filter(None, (one.figure(name) for one in measured)), None):
            said = OF_ROWS.get(name, meaning) if found.unit == ROWS else meaning
            yield said.format(n=f"{found.n:,} {found.unit}")
    asked = [one for member in members for one in member.metrics if one.name.endswith(RETENTION)]
    if asked:
        counts = sorted({one.n for one in asked})
        yield (
            f"Tasks ({' or '.join(f'{n:,}' for n in counts)} samples each), with what that is of "
            "the flagship's figure; where lower is better, the other way round."
        )
    if any(cell.endswith(APART) for cells in columns.values() for cell in cells):
        yield f"{APART} measured under another protocol; not to be compared with its column."
