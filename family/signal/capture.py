"""One pass of the teacher over the corpus."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from family.corpus import blocks
from family.corpus.blocks import Blocks
from family.progress import report
from family.signal.codec import targets
from family.spec import Signal
from family.stage import Outcome
from family.teacher.open import load

#: Blocks per pass, and rows of logits held at once.
BATCH, ROWS = 4, 256


def signal(inputs: Mapping[str, Path], settings: Signal, out: Path) -> Outcome:
    """Capture the teacher's top k: ids int32 and logp float16 [M, k], offsets int64 [N + 1].

    `usage` float32 [V] is each flagship token's probability summed over all targets: how often
    the teacher would be expected to write it.
    """
    teacher = load(inputs["teacher"], torch.bfloat16)
    corpus = blocks.read(inputs["corpus"], inputs["teacher"])
    names = blocks.flagship_ids(inputs["teacher"])
    k = min(settings.codec.k, teacher.config.vocab_size)
    wanted = targets(corpus.keep)

    ids, logp = [], []
    usage = torch.zeros(teacher.config.vocab_size)
    for rows in logits(teacher, corpus, wanted):
        odds = rows.log_softmax(-1)
        usage += odds.exp().sum(0)
        top = odds.topk(k)
        ids.append(top.indices.numpy().astype(np.int32))
        logp.append(top.values.numpy().astype(np.float16))

    all_ids, all_usage = np.concatenate(ids), usage.numpy()
    if names is not None:
        all_ids = names[all_ids]
        spread = np.zeros(int(names.max()) + 1, np.float32)
        spread[names] = all_usage
        all_usage = spread
    np.save(out / "ids.npy", all_ids)
    np.save(out / "logp.npy", np.concatenate(logp))
    np.save(out / "offsets.npy", np.concatenate([[0], np.cumsum(wanted.sum(1))]).astype(np.int64))
    np.save(out / "usage.npy", all_usage)
    mass = float(np.exp(np.concatenate(logp).astype(np.float32)).sum(1).mean())
    return Outcome(
        facts={
            "targets": len(all_ids),
            "tokens": int(corpus.used.sum()),
            "bytes_per_target": k * 6,
            "mass_kept": round(mass, 5),
        }
    )


@torch.inference_mode()
def logits(model: Any, corpus: Blocks, wanted: NDArray[np.bool_]) -> Iterator[torch.Tensor]:
    """The model's logits float32 [<= ROWS, V] at the wanted positions, in order.

    The body runs as it was loaded; the head in float32, since bfloat16 logits tie.
    """
    head = model.get_output_embeddings().weight.float()
    for start in range(0, corpus.count, BATCH):
        report(start, corpus.count, "blocks")
        part = slice(start, start + BATCH)
        hidden = model.model(
            input_ids=torch.from_numpy(corpus.tokens[part].astype(np.int64)),
            position_ids=torch.from_numpy(corpus.positions[part].astype(np.int64)),
            use_cache=False,
        ).last_hidden_state
        rows = hidden[torch.from_numpy(wanted[part])].float()
        for chunk in rows.split(ROWS):
            yield chunk @ head.T
    report(corpus.count, corpus.count, "blocks")
