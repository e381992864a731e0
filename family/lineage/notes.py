"""Release notes from the index alone: the same records give the same bytes."""

from collections.abc import Iterator
from pathlib import PurePath

from family.lineage.scorecard import scorecard
from family.lineage.views import Measured, Member, Parent, Shipped, Status
from family.lineage.words import (
    edge,
    markdown_table,
    megabytes,
    millions,
    rate,
    scalar,
    spaced,
    verdict,
)


def notes(status: Status) -> str:
    """The family's release notes in Markdown."""
    sections = {
        "Summary": _summary(status),
        "Scorecard": [scorecard(status).markdown().rstrip()],
        "How each model was made": _making(status),
        "Gates": _gates(status),
        "Files": _files(status),
        "Flagship and licence": _flagship(status),
    }
    text = [f"# Release notes: {status.family}"]
    for title, paragraphs in sections.items():
        if body := "\n\n".join(paragraphs):
            text += [f"## {title}", body]
    return "\n\n".join(text) + "\n"


def _summary(status: Status) -> Iterator[str]:
    count = len(status.tiers)
    models = f"{count} model" + ("" if count == 1 else "s")
    if status.flagship:
        from_ = f"{status.flagship.title} ({millions(status.flagship.parameters)} parameters)"
        yield f"{models}, descended from {from_}."
    yield "\n".join(f"- **{tier.tier}**: {_in_brief(tier)}." for tier in status.tiers)


def _in_brief(tier: Member) -> str:
    """Size, quality, and what its smallest file weighs and does."""
    said = [f"{millions(tier.parameters)} parameters"]
    said += _quality(tier)
    if tier.files:
        said.append(_file_in_brief(min(tier.files, key=lambda file: file.megabytes)))
    if tier.gate:
        said.append("gate passed" if tier.gate.passed else "gate missed")
    return "; ".join(said)


def _quality(measured: Measured) -> Iterator[str]:
    if agreement := measured.figure("agreement"):
        between = ""
        if agreement.interval:
            low, high = agreement.interval
            between = f" (95 %: {low:.3f} to {high:.3f})"
        yield f"agreement with the flagship {agreement.value:.3f}{between}"
    if retention := measured.figure("retention"):
        yield f"retention {retention.value:.3f}"


def _file_in_brief(file: Shipped) -> str:
    said = f"{file.precision} takes {megabytes(file.megabytes)} MB"
    if speed := file.figure("decode_tokens_per_second"):
        said += f" and decodes {rate(speed.value)} tokens/s"
    return said


def _making(status: Status) -> Iterator[str]:
    for tier in status.tiers:
        start = f"{tier.name}/start"  # what came before it is told in its place
        steps = [
            _edge(parent, status)
            for parent in tier.parents
            if (parent.kind, parent.name) != ("initialised_from", start)
        ]
        lines = [f"**{tier.tier}** (`{tier.model}`): {'; '.join(steps)}."]
        for file in tier.files:
            made = "; ".join(_edge(parent, status) for parent in file.parents)
            lines.append(f"- {file.precision} (`{file.model}`): {made}.")
        yield "\n".join(lines)


def _edge(parent: Parent, status: Status) -> str:
    detail = {name: value for name, value in parent.detail.items() if name != "precision"}
    return edge(parent.kind, parent.name.removeprefix(f"{status.family}/"), detail)


def _gates(status: Status) -> Iterator[str]:
    for tier in status.tiers:
        if tier.gate is None:
            yield f"**{tier.tier}** was not judged."
        elif not tier.gate.verdicts:
            yield f"**{tier.tier}** has no bounds."
    rows = [
        (tier.tier, spaced(one.bound), scalar(one.limit), scalar(one.value), verdict(one))
        for tier in status.tiers
        for one in (tier.gate.verdicts if tier.gate else ())
    ]
    if rows:
        yield markdown_table(("model", "bound", "limit", "measured", "verdict"), rows, left=2)


def _files(status: Status) -> Iterator[str]:
    shipped = [file for tier in status.tiers for file in tier.files]
    if not shipped:
        return
    rows = [(file.name, megabytes(file.megabytes), f"`{file.sha256}`") for file in shipped]
    yield markdown_table(("file set", "MB", "SHA-256 of its weights"), rows)
    yield (
        "To check every file, save the lines below as `SHA256SUMS` in the store and run "
        "`sha256sum --check SHA256SUMS` there."
    )
    sums = (
        f"{part.sha256}  {PurePath(part.path).relative_to(status.store).as_posix()}"
        for file in shipped
        for part in file.files
    )
    yield "```\n" + "\n".join(sums) + "\n```"


def _flagship(status: Status) -> Iterator[str]:
    if flagship := status.flagship:
        weights = flagship.files[0]
        yield (
            f"{flagship.title}, {millions(flagship.parameters)} parameters, {flagship.architecture}"
            f" (`{flagship.model}`). Its licence: {flagship.licence}. SHA-256 of its weights as "
            f"stored: `{weights.sha256}`."
        )
