"""What the page tells of models, trainings and licences."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

from family.ledger import CANDIDATE
from family.lineage.licences import BLOCKING, Licences, Licensed, Obligation
from family.lineage.released import ReleaseView
from family.lineage.scorecard import SPEEDS
from family.lineage.views import Member, ModelCard, Status
from family.lineage.words import megabytes, millions, rate, scalar, spaced

TONES = {
    "met": "good",
    "permitted": "good",
    "unmet": "bad",
    "forbidden": "bad",
    "waived": "warn",
    "by hand": "plain",
}


@dataclass(frozen=True)
class Pill:
    """A word and its tone: good, bad, warn or plain."""

    word: str
    tone: str


@dataclass(frozen=True)
class Tile:
    """A member at a glance."""

    tier: str
    model: str
    colour: str
    figure: str
    unit: str
    kept: float | None
    facts: tuple[str, ...]
    gate: Pill | None


def tile(member: Member, colour: str) -> Tile:
    """A tier's retention, and its smallest files; of the flagship, its size."""
    retention = member.figure("retention")
    smallest = min(member.files, key=lambda file: file.megabytes, default=None)
    facts = []
    if retention:
        facts.append(f"{millions(member.parameters)} parameters")
    if smallest:
        facts.append(f"{smallest.precision} {megabytes(smallest.megabytes)} MB")
        for name, unit in SPEEDS.items():
            if speed := smallest.figure(name):
                facts.append(f"{rate(speed.value)} {unit}")
    gate = None
    if member.gate:
        gate = Pill("gate passed", "good") if member.gate.passed else Pill("gate missed", "bad")
    return Tile(
        tier=member.tier,
        model=member.model,
        colour=colour,
        figure=f"{100 * retention.value:.1f} %" if retention else millions(member.parameters),
        unit="retained" if retention else "parameters",
        kept=min(1.0, retention.value) if retention else None,
        facts=tuple(facts),
        gate=gate,
    )


def stands(release: ReleaseView) -> Iterator[Pill]:
    """How a release stands: its aliases, and what people said."""
    for alias in release.aliases:
        yield Pill(alias, "plain" if alias == CANDIDATE else "good")
    if release.approved is not None:
        yield Pill("approved", "good") if release.approved else Pill("rejected", "bad")
    elif release.approve_by:
        yield Pill(f"to be approved until {release.approve_by}", "warn")


@dataclass(frozen=True)
class Training:
    """What one tier's training took."""

    tier: str
    colour: str
    lines: tuple[str, ...]


def trainings(
    status: Status, cards: Mapping[str, ModelCard], colours: Mapping[str, str]
) -> Iterator[Training]:
    """What each tier was taught by, on how much, for how long, and how."""
    for tier in status.tiers:
        for parent in tier.parents:
            if "tokens" in parent.detail:
                rest = {name: value for name, value in parent.detail.items() if name != "tokens"}
                minutes = cards[tier.model].seconds / 60
                lines = (
                    f"{spaced(parent.kind)} {parent.name.removeprefix(f'{status.family}/')}",
                    f"{scalar(parent.detail['tokens'])} tokens in {minutes:.1f} minutes",
                    ", ".join(f"{spaced(name)} {scalar(value)}" for name, value in rest.items()),
                )
                yield Training(tier.tier, colours[tier.tier], lines)


@dataclass(frozen=True)
class State:
    """How a tier stands to a rule."""

    tier: str
    pill: Pill


@dataclass(frozen=True)
class Asked:
    """One rule of a licence, and how each tier stands to it."""

    rule: Obligation
    fix: str
    states: tuple[State, ...]


@dataclass(frozen=True)
class Terms:
    """A licence, whose it is, and what it asks of the family."""

    licensed: Licensed
    rules: tuple[Asked, ...]


def licences(found: Mapping[str, Licences], waived: Collection[str]) -> Iterator[Terms]:
    """Every licence that reaches a tier, once; `found` by tier."""
    there = {(one.licence, one.name): one for own in found.values() for one in own.licensed}
    for (licence, name), licensed in there.items():
        rules: dict[str, list[tuple[str, Obligation]]] = {}
        for tier, own in found.items():
            for one in own.obligations:
                if (one.licence, one.of) == (licence, name):
                    rules.setdefault(one.id, []).append((tier, one))
        yield Terms(licensed, tuple(_asked(owed, waived) for owed in rules.values()))


def _asked(owed: Sequence[tuple[str, Obligation]], waived: Collection[str]) -> Asked:
    states = []
    for tier, one in owed:
        blocks = one.status in BLOCKING
        word = "waived" if blocks and one.id in waived else one.status
        states.append(State(tier, Pill(word, TONES[word])))
    fixes = dict.fromkeys(one.fix for _, one in owed if one.fix and one.id not in waived)
    return Asked(owed[0][1], " ".join(fixes), tuple(states))
