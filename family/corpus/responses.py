"""The flagship's own answers to the prompts: response distillation starts here."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch

from family.corpus import prompts
from family.progress import report
from family.spec import Responses
from family.stage import DatasetFacts, Outcome
from family.teacher.open import load, load_tokenizer

PART = "answered.jsonl.part"


def responses(inputs: Mapping[str, Path], settings: Responses, out: Path) -> Outcome:
    """Answer all prompts; write train.jsonl and held_out.jsonl with `prompt`, the rendered
    `context` before the answer, and the `answer` with its end token (unless it was cut)."""
    asked = [
        (split, prompt)
        for split in ("train", "held_out")
        for prompt in prompts.read(inputs["prompts"], split)
    ]
    rows = _answered(out / PART, asked, inputs["flagship"], settings)
    for split in ("train", "held_out"):
        with (out / f"{split}.jsonl").open("w") as file:
            for row in rows:
                if row["split"] == split:
                    kept = {name: row[name] for name in ("prompt", "context", "answer")}
                    file.write(json.dumps(kept) + "\n")
    (out / PART).unlink()
    train = [int(row["tokens"]) for row in rows if row["split"] == "train"]
    return Outcome(
        dataset=DatasetFacts(
            kind="responses", train=len(train), held_out=len(rows) - len(train), tokens=sum(train)
        ),
        facts={"answer_tokens": sum(int(row["tokens"]) for row in rows)},
    )


def _answered(
    part: Path, asked: list[tuple[str, str]], flagship: Path, settings: Responses
) -> list[dict[str, str]]:
    """All answers, batch by batch; those that a killed run left in `part` are not asked again."""
    tokenizer = load_tokenizer(flagship)
    tokenizer.padding_side = "left"
    contexts = [render(tokenizer, prompt) for _, prompt in asked]
    # One shape for every batch: each new one would cost a compile of seconds.
    width = max(len(ids) for ids in tokenizer(contexts, add_special_tokens=False)["input_ids"])
    batches = list(_batches(len(asked), settings.batch))
    done = _whole_lines(part, [len(batch) for batch in batches])
    model = load(flagship, torch.bfloat16) if len(done) < len(asked) else None

    rows = done
    with part.open("w") as file:
        file.writelines(json.dumps(row) + "\n" for row in done)
        file.flush()
        for number, batch in enumerate(batches):
            report(len(rows), len(asked), "answers")
            if batch.stop <= len(done):
                continue
            torch.manual_seed(settings.seed + number)
            texts = _generate(model, tokenizer, [contexts[i] for i in batch], width, settings)
            for i, (answer, tokens) in zip(batch, texts, strict=True):
                split, prompt = asked[i]
                row = {"split": split, "prompt": prompt, "context": contexts[i]}
                rows.append({**row, "answer": answer, "tokens": str(tokens)})
                file.write(json.dumps(rows[-1]) + "\n")
            file.flush()
    report(len(rows), len(asked), "answers")
    return rows


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


def _whole_lines(part: Path, sizes: list[int]) -> list[dict[str, str]]:
    """The rows of the batches that were written whole."""
    if not part.exists():
        return []
    text = part.read_text()
    rows = [json.loads(line) for line in text[: text.rfind("\n") + 1].splitlines()]
    whole = 0
    for size in sizes:
        if whole + size > len(rows):
            break
        whole += size
    return rows[:whole]


@torch.inference_mode()
def _generate(
    model: Any, tokenizer: Any, contexts: list[str], width: int, settings: Responses
) -> list[tuple[str, int]]:
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
