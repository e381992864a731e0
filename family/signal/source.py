"""What a signal was captured of, written beside it, and refused where it is not what is wanted."""

import json
from pathlib import Path
from typing import Any

from family.corpus.blocks import flagship_ids
from family.errors import DescentError
from family.spec import Codec, Signal, TeacherPrecision
from family.stage import Settings, digest_json, keyed
from family.store import sha256

FILE = "signal.json"


class Source(Settings):
    """What decides a signal. Digests are SHA-256."""

    codec: Codec
    teacher_precision: TeacherPrecision
    teacher: str
    """Of its weights."""
    tokenizer: str
    corpus: str

    @classmethod
    def of(cls, teacher: Path, corpus: Path, settings: Signal) -> "Source":
        """Of these folders."""
        return cls(
            codec=settings.codec,
            teacher_precision=settings.teacher_precision,
            teacher=_digest(*sorted(teacher.glob("*.safetensors"))),
            tokenizer=_digest(teacher / "tokenizer.json"),
            corpus=_digest(*(corpus / f"{name}.npy" for name in ("tokens", "labels", "positions"))),
        )

    @property
    def digest(self) -> str:
        """One digest of it all."""
        return digest_json(keyed(self))


class Header(Settings):
    """What stands in signal.json."""

    source: Source
    vocabulary: int
    """How many ids there are in the flagship's numbering."""
    teacher_kl: float = 0.0
    """KL in nats per target of the teacher in bfloat16 to the teacher as it was held."""

    @classmethod
    def read(cls, signal: Path) -> "Header":
        """That of a signal's folder."""
        return cls.model_validate_json((signal / FILE).read_text())

    def write(self, signal: Path) -> None:
        (signal / FILE).write_text(self.model_dump_json(indent=2) + "\n")


def _digest(*files: Path) -> str:
    return digest_json([sha256(path) for path in files])


def refuse_other(signal: Path, teacher: Path, corpus: Path, student: Path) -> None:
    """Refuse a signal of another teacher, tokenizer or corpus than these, and a student whose
    tokens are not the teacher's."""
    found = Header.read(signal).source
    asked = Signal(codec=found.codec, teacher_precision=found.teacher_precision)
    wanted = Source.of(teacher, corpus, asked)
    names = ("teacher", "tokenizer", "corpus")
    other = [name for name in names if getattr(found, name) != getattr(wanted, name)]
    if other:
        differences = "; ".join(
            f"its {name} has digest {getattr(found, name)[:12]}, not {getattr(wanted, name)[:12]}"
            for name in other
        )
        raise DescentError(
            f"the signal was captured of another {' and '.join(other)}: {differences}. Capture it "
            f"anew: give `signal` the same teacher and corpus as `distill`."
        )
    refuse_other_tokens(teacher, student)


def refuse_other_tokens(teacher: Path, student: Path) -> None:
    """Refuse a student that means something else by a token's id than its teacher does."""
    if _digest(teacher / "tokenizer.json") == _digest(student / "tokenizer.json"):
        return
    said, meant = _tokens(teacher), _tokens(student)
    shared = said.keys() & meant.keys()
    wrong = [token for token in sorted(shared) if said[token] != meant[token]]
    if wrong or not shared:
        example = f": {wrong[0]} is {said[wrong[0]]!r} and {meant[wrong[0]]!r}" if wrong else ""
        raise DescentError(
            f"teacher and student have different tokenizers ({len(wrong) or 'all'} ids mean other "
            f"tokens{example}): the odds of one say nothing to the other. Teach with what the "
            f"teacher wrote, `prompts` with `distill: {{loss: [{{kind: cross_entropy}}]}}`, or "
            f"start the student from a model with the teacher's tokenizer."
        )


def _tokens(model: Path) -> dict[int, str]:
    """A model's tokens by the flagship's ids."""
    held: dict[str, Any] = json.loads((model / "tokenizer.json").read_text())
    vocabulary = held["model"]["vocab"]
    if isinstance(vocabulary, list):  # unigram: pairs of a token and its score
        vocabulary = {token: number for number, (token, _) in enumerate(vocabulary)}
    tokens = {number: token for token, number in vocabulary.items()}
    tokens |= {one["id"]: one["content"] for one in held.get("added_tokens", [])}
    names = flagship_ids(model)
    if names is None:
        return tokens
    return {int(names[number]): token for number, token in tokens.items() if number < len(names)}
