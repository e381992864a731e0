"""A model's card for the Hugging Face Hub, from the records alone: the same ones, the same bytes.

`hub` has its metadata; the text is here.
"""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from pydantic import Field, JsonValue

from family.lineage.dossier import Conditions, Described, Dossier
from family.lineage.hub import metadata
from family.lineage.said import NOT_STATED
from family.lineage.snippets import how_to_run
from family.lineage.views import Figure, View, is_task
from family.lineage.words import (
    NONE,
    edge,
    markdown_table,
    megabytes,
    millions,
    rate,
    scalar,
    spaced,
)
from family.spec import RETENTION

if TYPE_CHECKING:
    import huggingface_hub

#: What a figure says of a checkpoint, and of exported files.
QUALITY = {
    "accuracy": ("how often the likeliest label is right",) * 2,
    "accuracy_drop": ("", "below the checkpoint's accuracy in PyTorch"),
    "bits_per_byte": ("of held-out text; lower is better",) * 2,
    "bits_per_byte_rise": ("", "over the checkpoint in PyTorch"),
    "agreement": (
        "how often the likeliest next token is the flagship's",
        "how often the likeliest next token is the checkpoint's",
    ),
    "retention": ("the flagship's bits per byte over the model's", ""),
    "kl": ("to the flagship, nats per token", "to the checkpoint, nats per token"),
    "max_abs_error": ("", "largest difference of a logit from PyTorch's"),
    "greedy_match": ("", "share of greedy tokens that are PyTorch's"),
}
#: Of classifiers.
OF_ROWS = {
    "agreement": (
        "how often the likeliest label is the flagship's",
        "how often the likeliest label is the checkpoint's",
    ),
    "retention": ("the model's accuracy over the flagship's", ""),
    "kl": ("to the flagship, nats per row", "to the checkpoint, nats per row"),
}
#: What is told of files in one line: of classifiers, and of models that write.
IN_BRIEF = {
    True: {"accuracy": "accuracy", "rows_per_second": "rows/s"},
    False: {"bits_per_byte": "bits per byte", "decode_tokens_per_second": "tokens/s"},
}
SPEED = {
    "decode_tokens_per_second": "tokens per second, decoding",
    "decode_ratio": "times as fast as the checkpoint in PyTorch, bf16",
    "time_to_first_token_ms": "milliseconds to the first token",
    "ms_per_row": "milliseconds to label a row",
    "row_ratio": "times as fast as the checkpoint in PyTorch",
    "rows_per_second": "rows per second, in batches",
}


class Card(View):
    """A model card."""

    name: str
    metadata: dict[str, JsonValue] = Field(description="As the Hub reads it.")
    markdown: str = Field(description="The whole card: metadata and text.")
    lineage: str = Field(description="The lineage digest.")
    warnings: tuple[str, ...] = Field(description="What the records did not tell.")


def card(dossier: Dossier, *, owner: str | None = None, base: str | None = None) -> Card:
    """The card of a model. `owner` publishes the family's models on the Hub; `base` is the id
    there of the model that this one is based on, where it is not recorded."""
    from huggingface_hub import ModelCard

    data = metadata(dossier, owner, base)
    sections = {
        "How to run it": how_to_run(dossier),
        "Size": _size(dossier),
        "Quality": _quality(dossier),
        "Speed": _speed(dossier),
        "Where it came from": _lineage(dossier),
        "Licence": _licences(dossier),
        "How to verify it": _verifying(dossier),
    }
    text = [f"# {dossier.model.slug}", *_what(dossier)]
    for title, paragraphs in sections.items():
        if body := "\n\n".join(paragraphs):
            text += [f"## {title}", body]
    made = ModelCard(f"---\n{data.to_yaml()}\n---\n\n" + "\n\n".join(text) + "\n")
    return Card(
        name=dossier.model.name,
        metadata=made.data.to_dict(),  # type: ignore[no-untyped-call]
        markdown=str(made),
        lineage=dossier.lineage,
        warnings=tuple(_warnings(data, dossier)),
    )


def _warnings(data: "huggingface_hub.ModelCardData", dossier: Dossier) -> Iterator[str]:
    base = data.base_model
    if isinstance(base, str) and "/" not in base:
        yield (
            f"base_model is `{base}`, and the Hub's ids are owner/name. Say who publishes the "
            f"family with --owner, or name the base with --base-model; for a flagship, `hub` in "
            f"the family file records it."
        )
    if data.license is None:
        yield "No licence that is recorded reaches this model; add the one that you choose."
    for one in dossier.licences.licensed:
        if one.licence == NOT_STATED:
            yield f"The licence of {dossier.title(one.model, one.name)} is not stated."


# ---- sections ------------------------------------------------------------------------------


def _what(dossier: Dossier) -> Iterator[str]:
    model, root = dossier.model, dossier.root
    title = dossier.about.get("name", "the flagship")
    if model.exported:
        base = dossier.base or model
        what = f"The {base.tier} model of the {model.family} family as {model.precision} ONNX files"
    elif model.tier:
        what = f"The {model.tier} model of the {model.family} family"
    elif model == root:
        what = f"{title}, the {model.step} of the {model.family} family"
    else:
        what = f"The flagship of the {model.family} family"
    yield f"{what}: {millions(model.parameters)} parameters in {megabytes(model.bytes / 1e6)} MB."
    if description := dossier.about.get("description"):
        yield f"The family: {description}"
    if root and model != root:
        yield f"It descends from {title} ({millions(root.parameters)} parameters)."
    if root and model != root and model.metrics:
        asked = any(map(is_task, model.metrics))
        else_ = "on the tasks below, and on nothing else" if asked else "and on nothing else"
        yield (
            "It was measured on text that no training saw, of the kind that it was taught with, "
            f"{else_}: how it does at any other task is not known."
        )


def _size(dossier: Dossier) -> Iterator[str]:
    model = dossier.model
    rows = [(file.path, f"{file.bytes:,}") for file in model.files]
    yield markdown_table(("file", "bytes"), [*rows, ("all", f"{model.bytes:,}")])
    if dossier.exports:
        yield "The same model in files for devices:"
        figures = IN_BRIEF[dossier.model.classifies]
        rows_of = [
            (
                one.precision,
                megabytes(one.bytes / 1e6),
                *(_value(one.figure(name)) for name in figures),
            )
            for one in dossier.exports
        ]
        yield markdown_table(("precision", "MB", *figures.values()), rows_of)


def _quality(dossier: Dossier) -> Iterator[str]:
    model, base = dossier.model, dossier.base
    yield from _figures(model)
    if model.exported and base and (table := list(_figures(base))):
        yield f"Of the checkpoint that the files hold, `{base.name}`:"
        yield from table
    held_out = next((one for one in dossier.data if one.kind == "blocks"), None)
    if held_out and model.metrics:
        what = "All but the tasks" if any(map(is_task, model.metrics)) else "All"
        samples = "rows" if dossier.model.classifies else "conversations"
        yield (
            f"{what} on the {held_out.held_out} held-out {samples} of `{held_out.name}` "
            f"(`{held_out.digest}`). Two figures may be compared only if their protocols are equal."
        )


def _figures(model: Described) -> Iterator[str]:
    columns = ("figure", "what it says", "value", "95 % interval", "n", "protocol")
    found = [figure for name in QUALITY if (figure := model.figure(name))]
    found += filter(is_task, model.metrics)
    rows = [
        (
            spaced(figure.name),
            _meaning(figure, model),
            f"{figure.value:.4g}",
            _interval(figure),
            f"{figure.n:,} {figure.unit}".rstrip(),
            f"`{figure.protocol[:12]}`",
        )
        for figure in found
    ]
    if rows:
        yield markdown_table(columns, rows, left=2)


def _meaning(figure: Figure, model: Described) -> str:
    if figure.name.endswith(RETENTION):
        return "beside the flagship's; above 1 it is better"
    if figure.name.startswith("rouge:"):
        return "greedy answers against references, F-measure"
    if is_task(figure):
        return "a task of the lm-evaluation-harness"
    says = QUALITY[figure.name]
    if figure.unit == "rows":
        says = OF_ROWS.get(figure.name, says)
    return says[model.exported]


def _speed(dossier: Dossier) -> Iterator[str]:
    found = [(title, dossier.model.figure(name)) for name, title in SPEED.items()]
    rows = [(title, _value(figure), f"{figure.n}") for title, figure in found if figure]
    if rows:
        yield markdown_table(("measured", "median", "timings"), rows)
        yield from (_conditions(one) for one in dossier.conditions if one.step == "verify")


def _conditions(found: Conditions) -> str:
    threads = found.settings.get("threads")
    machine = ", ".join(f"{name} {scalar(value)}" for name, value in found.environment.items())
    return f"On {threads} thread{'' if threads == 1 else 's'} of: {machine}."


def _lineage(dossier: Dossier) -> Iterator[str]:
    rows = [
        (f"`{one.child_name}`", f"{edge(one.kind, f'`{one.parent_name}`', one.detail)}")
        for one in dossier.edges
    ]
    if rows:
        yield markdown_table(("model", "how it was made"), rows, left=2)
    ids = [(f"`{one.name}`", f"`{one.model}`", f"`{one.digest}`") for one in _models(dossier)]
    yield markdown_table(("model", "id", "digest of its files"), ids, left=3)
    data = [
        (
            f"`{one.name}`",
            one.kind,
            one.licence or NONE,
            f"{one.train:,}",
            f"{one.held_out:,}",
            f"{one.tokens:,}" if one.tokens else NONE,
            f"`{one.digest}`",
        )
        for one in dossier.data
    ]
    if data:
        columns = (
            "data",
            "kind",
            "licence",
            "to train on",
            "held out",
            "tokens",
            "digest of its files",
        )
        yield markdown_table(columns, data, left=3)
    yield f"Lineage digest: `sha256:{dossier.lineage}`"


def _models(dossier: Dossier) -> Sequence[Described]:
    return (dossier.model, *dossier.elders)


def _licences(dossier: Dossier) -> Iterator[str]:
    found = dossier.licences
    yield "\n".join(
        f"- {dossier.title(one.model, one.name)}: {one.licence}. {one.about}".rstrip()
        for one in found.licensed
    )
    rows = [
        (owed.licence, owed.rule, owed.says, owed.status, f"{owed.source}, {owed.section}")
        for owed in found.obligations
    ]
    if rows:
        yield markdown_table(("licence", "duty", "what it asks", "status", "where"), rows, left=5)
    else:
        yield "No duty of theirs reaches this model."
    if any(name.endswith("/notices") for name in found.checked):
        yield "LICENSE and NOTICE, which belong beside these files, have the texts."
    yield found.remark


def _verifying(dossier: Dossier) -> Iterator[str]:
    yield (
        "Save the lines below as `SHA256SUMS` beside the files and run "
        "`sha256sum --check SHA256SUMS`:"
    )
    yield "```\n" + "\n".join(f"{one.sha256}  {one.path}" for one in dossier.model.files) + "\n```"
    yield (
        f"In the store that it was made in, `descent verify {dossier.model.name}` computes every "
        f"digest up to the flagship anew. The lineage digest is the SHA-256 of the sorted lines "
        f"`artifact <key> <digest>` of all models and data above and `edge <child> <kind> "
        f"<parent>` of all edges."
    )


def _value(figure: Figure | None) -> str:
    if figure is None:
        return NONE
    return rate(figure.value) if figure.unit == "timings" else f"{figure.value:.4g}"


def _interval(figure: Figure) -> str:
    return f"{figure.interval[0]:.4g} to {figure.interval[1]:.4g}" if figure.interval else NONE
