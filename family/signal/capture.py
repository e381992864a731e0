"""One pass of the teacher over the corpus, piece by piece; any number of processes share it."""

import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.lib.format import open_memmap, read_array_header_1_0, read_magic
from numpy.typing import NDArray

from family.corpus import blocks
from family.corpus.blocks import Blocks
from family.parallel.pieces import Pieces
from family.parallel.place import here, meet
from family.progress import report
from family.signal.codec import encode, mass_kept
from family.signal.source import Header, Source
from family.spec import Dense, Signal, TeacherPrecision
from family.stage import Outcome, Scalar
from family.student.classifier import refuse_other_labels
from family.teacher.head import Head
from family.teacher.held import held
from family.teacher.open import head_of, read_config

#: Blocks per pass, and rows of logits held at once.
BATCH, ROWS = 4, 256
#: Most pieces that a corpus is cut into; a piece is whole passes, the same on any number of
#: processes, so that no row depends on who computed it.
PIECES = 256
#: Probabilities are summed in units of 2^-32: sums of whole numbers are equal in any order.
UNIT = 2.0**32
#: Blocks on which a teacher in fewer bits is compared to itself.
SAMPLE = 8


def signal(inputs: Mapping[str, Path], settings: Signal, out: Path) -> Outcome:
    """Capture what the codec keeps of the teacher's odds, offsets int64 [N + 1] and signal.json.

    `usage` float32 [V] is the probability of each of the flagship's tokens (or classes) summed over
    all targets: how often the teacher would be expected to say it.

    Where several processes run this, each captures its share and the first puts them together.
    """
    place = here()
    teacher = inputs["teacher"]
    refuse_other_labels(read_config(teacher), inputs["corpus"], "teacher")
    corpus = blocks.read(inputs["corpus"], teacher)
    pieces = pieces_of(corpus, out)
    source = Source.of(teacher, inputs["corpus"], settings)
    if place.first:
        pieces.made_of(source.digest)
    missing = pieces.missing(place)
    meet()  # the first one may be done, and clear up, before another has looked
    capture(teacher, corpus, settings, pieces, missing)
    if not place.first:
        return Outcome()
    pieces.wait(partial(_tell, corpus=corpus, pieces=pieces))
    stored = _put_together(pieces, corpus, out)
    names = blocks.answers_named(corpus, teacher)
    if names is not None and isinstance(settings.codec, Dense):
        np.save(out / "names.npy", names)
    usage = _usage(pieces, names)
    np.save(out / "usage.npy", usage)
    kl = kl_to_bf16(teacher, settings.teacher_precision, corpus)
    Header(source=source, vocabulary=len(usage), teacher_kl=round(kl, 5)).write(out)
    targets = int(corpus.wanted.sum())
    facts: dict[str, Scalar] = {
        "targets": targets,
        "tokens": int(corpus.used.sum()),
        "bytes_per_target": round(stored / targets, 2),
        "mass_kept": round(sum(float(piece["mass"]) for piece in _each(pieces)) / targets, 5),
    }
    if settings.teacher_precision != "bf16":
        facts["teacher_kl"] = round(kl, 5)
    shutil.rmtree(pieces.folder)
    return Outcome(facts=facts)


def pieces_of(corpus: Blocks, out: Path) -> Pieces:
    """The pieces that the signal of a corpus is captured in, below `out`."""
    return Pieces(out / "pieces", -(-corpus.count // _size(corpus)))


def _size(corpus: Blocks) -> int:
    """Blocks of a piece."""
    passes = -(-corpus.count // BATCH)
    return BATCH * -(-passes // PIECES)


def capture(
    teacher: Path, corpus: Blocks, settings: Signal, pieces: Pieces, missing: Sequence[int]
) -> None:
    """Make the pieces that are missing."""
    if not missing:
        return
    model = held(teacher, settings.teacher_precision)
    names = blocks.answers_named(corpus, teacher)
    outcomes = head_of(model).out_features
    vocabulary = outcomes if names is None else int(names.max()) + 1
    firsts = np.concatenate([[0], np.cumsum(corpus.wanted.sum(axis=1))])
    size = _size(corpus)
    for number in missing:
        _tell(pieces.made(), corpus, pieces)
        row, mass, found = int(firsts[number * size]), 0.0, []
        usage = torch.zeros(outcomes, dtype=torch.int64)
        for rows in logits(model, corpus, slice(number * size, (number + 1) * size)):
            odds = rows.log_softmax(-1)
            usage += (odds.exp().sum(0).double() * UNIT).round().long()
            found.append(encode(odds, settings.codec, row, names, vocabulary))
            row += len(odds)
            mass += mass_kept(odds, settings.codec)
        arrays = {name: np.concatenate([part[name] for part in found]) for name in found[0]}
        with pieces.writing(number) as file:
            np.savez(file, **arrays, usage=usage.numpy(), mass=mass)  # type: ignore[arg-type]


def _tell(made: int, corpus: Blocks, pieces: Pieces) -> None:
    report(corpus.count * made // pieces.count, corpus.count, "blocks")


def _each(pieces: Pieces) -> Iterator[Any]:
    for number in range(pieces.count):
        with np.load(pieces.path(number)) as piece:
            yield piece


def _put_together(pieces: Pieces, corpus: Blocks, out: Path) -> int:
    """Write the codec's arrays, whole; their bytes."""
    parts = [_shapes(piece) for piece in _each(pieces)]
    stored = 0
    for name, (dtype, shape) in parts[0].items():
        length = sum(part[name][1][0] for part in parts)
        array = open_memmap(out / f"{name}.npy", "w+", dtype, (length, *shape[1:]))
        start = 0
        for piece in _each(pieces):
            rows = piece[name]
            array[start : start + len(rows)] = rows
            start += len(rows)
        array.flush()
        stored += array.nbytes
    wanted = corpus.wanted.sum(axis=1)
    np.save(out / "offsets.npy", np.concatenate([[0], np.cumsum(wanted)]).astype(np.int64))
    return stored


def _shapes(piece: Any) -> dict[str, tuple[np.dtype[Any], tuple[int, ...]]]:
    """What the codec's arrays in a piece are, without reading them."""
    found = {}
    for name in set(piece.files) - {"usage", "mass"}:
        with piece.zip.open(f"{name}.npy") as file:
            read_magic(file)
            shape, _, dtype = read_array_header_1_0(file)
            found[name] = dtype, shape
    return found


def _usage(pieces: Pieces, names: NDArray[np.int32] | None) -> NDArray[np.float32]:
    total = sum(piece["usage"] for piece in _each(pieces))
    usage: NDArray[np.float32] = (total / UNIT).astype(np.float32)
    if names is None:
        return usage
    spread = np.zeros(int(names.max()) + 1, np.float32)
    spread[names] = usage
    return spread


@torch.inference_mode()
def kl_to_bf16(teacher: Path, precision: TeacherPrecision, corpus: Blocks) -> float:
    """KL in nats per target of the teacher in bfloat16 to itself as it is held, on some blocks."""
    if precision == "bf16":
        return 0.0
    chosen = np.unique(np.linspace(0, corpus.count - 1, SAMPLE).astype(int))
    exact = held(teacher, "bf16")
    head = Head.of(exact)
    before = [_states(exact, corpus, slice(block, block + 1)) for block in chosen]
    del exact  # never two at once
    model = held(teacher, precision)
    total, count = 0.0, 0
    for block, states in zip(chosen, before, strict=True):
        others = _states(model, corpus, slice(block, block + 1))
        for ours, theirs in zip(torch.split(states, ROWS), torch.split(others, ROWS), strict=True):
            p, q = (head(rows).log_softmax(-1) for rows in (ours, theirs))
            total += float((p.exp() * (p - q)).sum())
            count += len(p)
    return total / count


@torch.inference_mode()
def logits(model: Any, corpus: Blocks, part: slice) -> Iterator[torch.Tensor]:
    """The model's logits float32 [<= ROWS, V] at the targets of some blocks, in order.

    The body runs as it was loaded; the head in float32, since bfloat16 logits tie.
    """
    head, exact = Head.of(model), model.dtype == torch.bfloat16
    blocks_ = range(*part.indices(corpus.count))
    for start in blocks_[::BATCH]:
        batch = slice(start, min(start + BATCH, blocks_.stop))
        for chunk in torch.split(_states(model, corpus, batch), ROWS):
            with _of_bfloat16() if exact else nullcontext():
                rows = head(chunk)
            yield rows


@contextmanager
def _of_bfloat16() -> Iterator[None]:
    """Multiply float32 matrices that hold no more than bfloat16 does as what they are: the sums are
    as exact, in half the time."""
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("medium")
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(before)


def _states(model: Any, corpus: Blocks, batch: slice) -> torch.Tensor:
    """Last hidden states float32 [M, D] at the targets of some blocks."""
    hidden = model.base_model(
        input_ids=torch.from_numpy(corpus.tokens[batch].astype(np.int64)),
        position_ids=torch.from_numpy(corpus.positions[batch].astype(np.int64)),
        use_cache=False,
    ).last_hidden_state
    states: torch.Tensor = hidden[torch.from_numpy(corpus.wanted[batch])].float()
    return states
