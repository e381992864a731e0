"""Answers against references: the overlap of their words, as summaries are scored.

ROUGE-1 and ROUGE-2 count shared words and pairs of words, ROUGE-L the longest common subsequence
(Lin, 2004); each is the F-measure, from 0 to 1, with words stemmed. The measure is
`rouge_score`'s, which is Google's.
"""

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import mean, stdev

from family.corpus.responses import generate, render
from family.evaluate.references import read
from family.evaluate.retained import HALF_WIDTH, beside
from family.evaluate.tasks import installed
from family.progress import report
from family.spec import Responses, Rouge
from family.stage import Metric, Outcome, digest_json
from family.store import sha256
from family.teacher.open import load, load_tokenizer

MEASURES = ("rouge1", "rouge2", "rougeL")


def rouge(inputs: Mapping[str, Path], settings: Rouge, out: Path) -> Outcome:
    """Score the model's greedy answers, and against the flagship's if `reference` has them.

    Answers are kept in answers.jsonl with what they were held against."""
    from rouge_score.rouge_scorer import RougeScorer

    asked = read(inputs["references"])
    answers = _answers(inputs["model"], [prompt for prompt, _ in asked], settings)
    scorer = RougeScorer(MEASURES, use_stemmer=True)
    scores = [
        scorer.score(reference, answer)
        for (_, reference), answer in zip(asked, answers, strict=True)
    ]
    protocol: dict[str, str | int] = {
        "measure": installed("rouge_score"),
        "references": sha256(inputs["references"] / "references.jsonl"),
        "max_tokens": settings.max_tokens,
    }
    found = [_metric(name, [one[name].fmeasure for one in scores], protocol) for name in MEASURES]
    _keep(out / "answers.jsonl", asked, answers)
    higher = {metric.name: True for metric in found}
    return Outcome(metrics=beside(found, inputs.get("reference"), higher))


def _answers(model_folder: Path, prompts: Sequence[str], settings: Rouge) -> list[str]:
    """What the model says to each prompt, the likeliest token each time."""
    model, tokenizer = load(model_folder), load_tokenizer(model_folder)
    tokenizer.padding_side = "left"
    contexts = [render(tokenizer, prompt) for prompt in prompts]
    width = max(len(ids) for ids in tokenizer(contexts, add_special_tokens=False)["input_ids"])
    greedy = Responses(max_tokens=settings.max_tokens)
    found: list[str] = []
    for start in range(0, len(contexts), settings.batch):
        report(start, len(contexts), "answers")
        batch = contexts[start : start + settings.batch]
        found += [answer for answer, _ in generate(model, tokenizer, batch, width, greedy)]
    return [answer.removesuffix(tokenizer.eos_token) for answer in found]


def _metric(measure: str, values: Sequence[float], protocol: Mapping[str, str | int]) -> Metric:
    """The mean over prompts, with its 95 % interval where there are two or more."""
    value, name = mean(values), f"rouge:{measure}"
    half = HALF_WIDTH * stdev(values) / math.sqrt(len(values)) if len(values) > 1 else None
    return Metric(
        about="model",
        name=name,
        value=value,
        n=len(values),
        low=None if half is None else value - half,
        high=None if half is None else value + half,
        unit="answers",
        protocol=digest_json({**protocol, "metric": name}),
    )


def _keep(path: Path, asked: Sequence[tuple[str, str]], answers: Sequence[str]) -> None:
    with path.open("w") as file:
        for (prompt, reference), answer in zip(asked, answers, strict=True):
            row = {"prompt": prompt, "reference": reference, "answer": answer}
            file.write(json.dumps(row) + "\n")
