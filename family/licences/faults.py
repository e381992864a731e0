"""What a family file says wrongly of licences, and what their terms forbid it to do."""

from collections.abc import Iterator, Mapping
from typing import Any

from family.faults import Fault
from family.licences.terms import OTHER, OWN, Rule, identifiers, nearest, stated
from family.spec import FamilySpec


def licence_faults(place: str, held: Mapping[str, Any]) -> Iterator[Fault]:
    """A licence that nobody knows, or whose terms stand nowhere or twice; `held` is the raw part
    of the file at `place`."""
    licence, terms = held.get("licence"), held.get("terms")
    known = identifiers() if place == "flagship" else (OWN, *identifiers())
    if not isinstance(licence, str) or not licence:
        return
    if licence not in known:
        near = nearest(licence)
        one_of = f"{', '.join(f'`{name}`' for name in known[:-1])} or `{known[-1]}`"
        hint = f"did you mean `{near}`? If not, write" if near else f"known: {one_of}. Or"
        yield Fault(
            (place, "licence"),
            f"`{licence}` is not a licence whose terms are known here; {hint} `{OTHER}`, and what "
            f"it asks for into {place}.terms.",
        )
    elif licence == OTHER and terms is None:
        yield Fault(
            (place, "terms"),
            f"missing, and `licence: {OTHER}` says nothing of what it asks for. Write that here, "
            "in your own words or as a link.",
        )
    elif licence != OTHER and terms is not None:
        yield Fault(
            (place, "terms"),
            f"only read with `licence: {OTHER}`; the terms of {licence} are known. Leave it out.",
        )


def teaching_faults(spec: FamilySpec) -> Iterator[Fault]:
    """Teachers and prompts whose terms forbid what this family does with them."""
    strangers = [name for name in spec.tiers if name not in spec.heirs()]
    flagship = ("flagship", spec.flagship, spec.flagship.licence, strangers)
    data = ((place, held, held.licence, list(spec.tiers)) for place, held in spec.stated.items())
    for place, held, licence, others in (flagship, *data):
        if held.permission or licence in (None, OWN):
            continue
        for rule in stated(licence).rules:
            taught = others if rule.except_derivatives else list(spec.tiers)
            if rule.teaching and taught:
                yield Fault((place, "licence"), _refused(place, licence, rule, taught))
                break


def _refused(place: str, licence: str | None, rule: Rule, taught: list[str]) -> str:
    but = ", unless they come from its own weights" if rule.except_derivatives else ""
    another = "teacher" if place in ("flagship", "responses") else "file"
    return (
        f"the terms of `{licence}` forbid to teach other models with it{but} ({rule.section}, "
        f"{rule.source}), and {', '.join(taught)} would be taught. Take another {another}; or, if "
        f"it was allowed in writing, say into {place}.permission by whom, when, and where that "
        "is kept."
    )
