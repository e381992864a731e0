"""The flagship's own answers to the prompts: response distillation starts here."""

import json
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from family.corpus import prompts
from family.parallel.pieces import Pieces
from family.parallel.place import here, meet
from family.progress import report
from family.spec import EndpointResponses, Responses
from family.stage import DatasetFacts, Outcome
from family.teacher import endpoint_answers
from family.teacher.open import load, load_tokenizer


def responses(
    inputs: Mapping[str, Path], settings: Responses | EndpointResponses, out: Path
) -> Outcome:
    """Answer all prompts; write train.jsonl and held_out.jsonl with `prompt`, the rendered
    `context` before the answer, and the `answer` with its end token (unless it was cut).

    Where several processes run this, each answers its share and the first puts them together."""
    asked = [
        (split, prompt)
        for split in ("train", "held_out")
        for prompt in prompts.read(inputs["prompts"], split)
    ]
    if isinstance(settings, EndpointResponses):
        return endpoint_answers.fetch(asked, settings, out)
    batches = list(_batches(len(asked), settings.batch))
    pieces = Pieces(out / "pieces", len(batches))
    place = here()
    missing = pieces.missing(place)
    meet()  # the first one may be done, and clear up, before another has looked

    def tell(made: int) -> None:
        report(min(made * settings.batch, len(asked)), len(asked), "answers")

    _answer(pieces, missing, asked, batches, inputs["flagship"], settings, tell)
    if not place.first:
        return Outcome()
    pieces.wait(tell)
    lines = [line for n in range(pieces.count) for line in pieces.path(n).open()]
    rows = [json.loads(line) for line in lines]
    for split in ("train", "held_out"):
        with (out / f"{split}.jsonl").open("w") as file:
            for row in rows:
                if row["split"] == split:
                    kept = {name: row[name] for name in ("prompt", "context", "answer")}
                    file.write(json.dumps(kept) + "\n")
    shutil.rmtree(pieces.folder)
    train = [row["tokens"] for row in rows if row["split"] == "train"]
    return Outcome(
        dataset=DatasetFacts(
            kind="responses", train=len(train), held_out=len(rows) - len(train), tokens=sum(train)
        ),
        facts={"answer_tokens": sum(row["tokens"] for row in rows)},
    )


def _answer(
    pieces: Pieces,
    missing: Sequence[int],
    asked: list[tuple[str, str]],
    batches: list[range],
    flagship: Path,
    settings: Responses,
    tell: Callable[[int], None],
) -> None:
    """Answer the batches that are missing."""
    if not missing:
        return
    tokenizer = load_tokenizer(flagship)
    tokenizer.padding_side = "left"
    contexts = [render(tokenizer, prompt) for _, prompt in asked]
    # One shape for every batch: each new one would cost a compile of seconds.
    width = max(len(ids) for ids in tokenizer(contexts, add_special_tokens=False)["input_ids"])
    model = load(flagship, torch.bfloat16)
    for number in missing:
        tell(pieces.made())
        torch.manual_seed(settings.seed + number)
        batch = batches[number]
        texts = generate(model, tokenizer, [contexts[i] for i in batch], width, settings)
        with pieces.writing(number) as file:
            for i, (answer, tokens) in zip(batch, texts, strict=True):
                split, prompt = asked[i]
                row = {"split": split, "prompt": prompt, "context": contexts[i]}
                line = json.dumps({**row, "answer": answer, "tokens": tokens})
                file.write(f"{line}\n".encode())


def render(tokenizer: Any, prompt: str) -> str:
    """The text that stands before the answer: the chat template's, or the bare prompt."""
    if tokenizer.chat_template is None:
        return f"{prompt}\n"
    messages = [{"role": "user", "content": prompt}]
    text: str = tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)
    return text


def _batches(count: int, size: int) -> Iterator[range]:
    for start in range(0, count, size):
        yield range(start, min(start + size, count))


@torch.inference_mode()
def generate(
    model: Any, tokenizer: Any, contexts: list[str], width: int, settings: Responses
) -> list[tuple[str, int]]:
    """The model's answers to rendered chats, each with its end token, and how many tokens it has.

    The tokenizer pads at the left, to `width` tokens."""
    encoded = tokenizer(
        contexts,
        return_tensors="pt",
        padding="max_length",
        max_length=width,
        add_special_tokens=False,
    )
    end = tokenizer.eos_token_id
    sampling = {"do_sample": True, "temperature": settings.temperature}
    written = model.generate(
        **encoded,
        max_new_tokens=settings.max_tokens,
        repetition_penalty=settings.repetition_penalty,
        eos_token_id=end,
        pad_token_id=tokenizer.pad_token_id if tokenizer.pad_token_id is not None else end,
        **(sampling if settings.temperature else {"do_sample": False}),
    )
    answers = []
    for row in written[:, width:].tolist():
        ids = row[: row.index(end) + 1] if end in row else row
        answers.append((tokenizer.decode(ids, skip_special_tokens=False), len(ids)))
    return answers
