"""What ships beside the files of every tier: LICENSE, NOTICE, and what came with the flagship."""

import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path

from family.errors import DescentError
from family.licences.terms import OWN, TEXT_FILES, Licence, matching, read, stated
from family.spec import Notices
from family.stage import Outcome, Scalar
from family.store import OUTCOME, sha256

Facts = Mapping[str, Scalar]


def notices(inputs: Mapping[str, Path], settings: Notices, out: Path) -> Outcome:
    """Write the texts and notices that the flagship's licence, and that of the prompts, ask for."""
    said = Outcome.model_validate_json((inputs["about"] / OUTCOME).read_bytes()).facts
    terms = stated(_word(said, "licence"))
    found = _licence_text(inputs["flagship"], settings, terms, _word(said, "credit"), out)
    for path in matching(inputs["flagship"], ("USE_POLICY*",)):
        shutil.copyfile(path, out / path.name)
    paragraphs = _notice(said, settings, terms, found)
    for path in matching(inputs["flagship"], ("NOTICE*",)):
        paragraphs.append(f"{path.name} of {said['name']}:\n\n{read(path).strip()}")
    (out / "NOTICE").write_text("\n\n".join(paragraphs) + "\n", encoding="utf-8")
    return Outcome(facts={"licence_text": found})


def _licence_text(
    flagship: Path, settings: Notices, terms: Licence, credit: str | None, out: Path
) -> str:
    """Leave the licence's text in `out`; where it was taken from."""
    if settings.licence_file:
        path = Path(settings.licence_file)
        if sha256(path) != settings.licence_digest:
            raise DescentError(
                f"flagship.licence_file: {path} has another SHA-256 than when this build was "
                f"planned ({settings.licence_digest}). Run the same command again to take it as "
                "it is now."
            )
        shutil.copyfile(path, out / "LICENSE")
        return "licence_file"
    if own := list(matching(flagship, TEXT_FILES)):
        for path in own:
            shutil.copyfile(path, out / path.name)
        return "flagship"
    if terms.text:
        words = terms.text.words().replace("{credit}\n\n", f"{credit}\n\n" if credit else "")
        (out / "LICENSE").write_text(words, encoding="utf-8")
        return "descent"
    return "missing"


def _notice(said: Facts, settings: Notices, terms: Licence, found: str) -> list[str]:
    """What these models are, what they were made from, and what licences want to be said."""
    name = _word(said, "name") or "the flagship"
    licensed = f"{name} is under: {_word(said, 'terms') or terms.name}".rstrip(".")
    if found != "missing":
        licensed += "; its text lies beside this notice"
    changes = "\n".join(f"- {change}" for change in settings.changes)
    paragraphs = [
        "\n".join(filter(None, (settings.family, _word(said, "description")))),
        f"Made from {name}. {licensed}.",
        f"What was done to it:\n{changes}",
        *_sentences(terms, settings, name, _word(said, "credit")),
    ]
    taught = settings.model_copy(update={"through": ("outputs",)})
    for name in ("prompts", "responses"):
        data = _word(said, f"{name}_licence")
        if data and data != OWN:
            credit = _word(said, f"{name}_credit")
            paragraphs.append(f"Taught on {name} under: {stated(data).name}.")
            paragraphs += _sentences(stated(data), taught, f"the {name}", credit)
    return list(dict.fromkeys(paragraphs))


def _sentences(terms: Licence, settings: Notices, name: str, credit: str | None) -> Iterator[str]:
    for rule in terms.rules:
        sentence = rule.notice(name, credit)
        if sentence and set(rule.through) & set(settings.through):
            yield sentence


def _word(said: Facts, name: str) -> str | None:
    found = said.get(name)
    return str(found) if found else None
