"""One pass of the teacher over the corpus, piece by piece; any number of processes share it."""

import shutil
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.lib.format import open_memmap
from numpy.typing import NDArray

from family.corpus import blocks
from family.corpus.blocks import Blocks
from family.parallel.pieces import Pieces
from family.parallel.place import here, meet
from family.progress import report
from family.spec import Signal
from family.stage import Outcome, digest_json, keyed
from family.store import sha256
from family.teacher.open import load

#: Blocks per pass, and rows of logits held at once.
BATCH, ROWS = 4, 256
#: Most pieces that a corpus is cut into; a piece is whole passes, the same on any number of
#: processes, so that no row depends on who computed it.
PIECES = 256
#: Probabilities are summed in units of 2^-32: sums of whole numbers are equal in any order.
UNIT = 2.0**32


def signal(inputs: Mapping[str, Path], settings: Signal, out: Path) -> Outcome:
    """Capture the teacher's top k: ids int32 and logp float16 [M, k], offsets int64 [N + 1].

    `usage` float32 [V] is each flagship token's probability summed over all targets: how often
    the teacher would be expected to write it.

    Where several processes run this, each captures its share and the first puts them together.
    """
    place = here()
    corpus = blocks.read(inputs["corpus"], inputs["teacher"])
    pieces = pieces_of(corpus, out)
    if place.first:
        pieces.made_of(source(inputs["teacher"], inputs["corpus"], settings))
    missing = pieces.missing(place)
    meet()  # the first one may be done, and clear up, before another has looked
    capture(inputs["teacher"], corpus, settings, pieces, missing)
    if not place.first:
        return Outcome()
    pieces.wait(partial(_tell, corpus=corpus, pieces=pieces))
    outcome = _put_together(pieces, corpus, blocks.flagship_ids(inputs["teacher"]), out)
    shutil.rmtree(pieces.folder)
    return outcome


def pieces_of(corpus: Blocks, out: Path) -> Pieces:
    """The pieces that the signal of a corpus is captured in, below `out`."""
    return Pieces(out / "pieces", -(-corpus.count // _size(corpus)))


def _size(corpus: Blocks) -> int:
    """Blocks of a piece."""
    passes = -(-corpus.count // BATCH)
    return BATCH * -(-passes // PIECES)


def source(teacher: Path, corpus: Path, settings: Signal) -> str:
    """A digest of what decides a signal."""
    files = sorted(teacher.glob("*.safetensors"))
    files += [corpus / f"{name}.npy" for name in ("tokens", "keep", "positions")]
    return digest_json([keyed(settings), *(sha256(path) for path in files)])


def capture(
    teacher: Path, corpus: Blocks, settings: Signal, pieces: Pieces, missing: Sequence[int]
) -> None:
    """Make the pieces that are missing."""
    if not missing:
        return
    model = load(teacher, torch.bfloat16)
    names = blocks.flagship_ids(teacher)
    k = min(settings.codec.k, model.config.vocab_size)
    size = _size(corpus)
    for number in missing:
        _tell(pieces.made(), corpus, pieces)
        ids, logp = [], []
        usage = torch.zeros(model.config.vocab_size, dtype=torch.int64)
        for rows in logits(model, corpus, slice(number * size, (number + 1) * size)):
            odds = rows.log_softmax(-1)
            usage += (odds.exp().sum(0).double() * UNIT).round().long()
            top = odds.topk(k)
            ids.append(top.indices.numpy().astype(np.int32))
            logp.append(top.values.numpy().astype(np.float16))
        found = np.concatenate(ids)
        with pieces.writing(number) as file:
            np.savez(
                file,
                ids=found if names is None else names[found],
                logp=np.concatenate(logp),
                usage=usage.numpy(),
            )


def _tell(made: int, corpus: Blocks, pieces: Pieces) -> None:
    report(corpus.count * made // pieces.count, corpus.count, "blocks")


def _put_together(
    pieces: Pieces, corpus: Blocks, names: NDArray[np.int32] | None, out: Path
) -> Outcome:
    wanted = corpus.wanted.sum(axis=1)
    count, mass, start = int(wanted.sum()), 0.0, 0
    usage = np.zeros((), np.int64)
    arrays: dict[str, np.memmap[Any, Any]] = {}
    for number in range(pieces.count):
        piece = np.load(pieces.path(number))
        for name in ("ids", "logp"):
            rows = piece[name]
            if name not in arrays:
                shape = (count, rows.shape[1])
                arrays[name] = open_memmap(out / f"{name}.npy", "w+", rows.dtype, shape)
            arrays[name][start : start + len(rows)] = rows
        start += len(rows)
        usage = usage + piece["usage"]
        mass += float(np.exp(rows.astype(np.float32)).sum(dtype=np.float64))
    for array in arrays.values():
        array.flush()

    all_usage = (usage / UNIT).astype(np.float32)
    if names is not None:
        spread = np.zeros(int(names.max()) + 1, np.float32)
        spread[names] = all_usage
        all_usage = spread
    np.save(out / "offsets.npy", np.concatenate([[0], np.cumsum(wanted)]).astype(np.int64))
    np.save(out / "usage.npy", all_usage)
    return Outcome(
        facts={
            "targets": count,
            "tokens": int(corpus.used.sum()),
            "bytes_per_target": arrays["ids"].shape[1] * 6,
            "mass_kept": round(mass / count, 5),
        }
    )


@torch.inference_mode()
def logits(model: Any, corpus: Blocks, part: slice) -> Iterator[torch.Tensor]:
    """The model's logits float32 [<= ROWS, V] at the targets of some blocks, in order.

    The body runs as it was loaded; the head in float32, since bfloat16 logits tie.
    """
    head = model.get_output_embeddings().weight.float()
    wanted = corpus.wanted[part]
    tokens, positions = corpus.tokens[part], corpus.positions[part]
    for start in range(0, len(tokens), BATCH):
        batch = slice(start, start + BATCH)
        hidden = model.model(
            input_ids=torch.from_numpy(tokens[batch].astype(np.int64)),
            position_ids=torch.from_numpy(positions[batch].astype(np.int64)),
            use_cache=False,
        ).last_hidden_state
        rows = hidden[torch.from_numpy(wanted[batch])].float()
        for chunk in rows.split(ROWS):
            yield chunk @ head.T
