"""Task files of a user's own over small local data: a choice, a perplexity and an answer."""

import json
from pathlib import Path

CHOICE = """
task: animals
dataset_path: json
dataset_kwargs: {data_files: {test: animals.jsonl}}
test_split: test
output_type: multiple_choice
doc_to_text: "{{question}}"
doc_to_choice: "{{choices}}"
doc_to_target: "{{answer}}"
metric_list:
  - {metric: acc, aggregation: mean, higher_is_better: true}
"""
TEXT = """
task: stories
dataset_path: json
dataset_kwargs: {data_files: {test: stories.jsonl}}
test_split: test
output_type: loglikelihood_rolling
doc_to_text: ""
doc_to_target: "{{text}}"
metric_list:
  - {metric: bits_per_byte, aggregation: bits_per_byte, higher_is_better: false}
"""
ANSWER = """
task: says
dataset_path: json
dataset_kwargs: {data_files: {test: says.jsonl}}
test_split: test
output_type: generate_until
doc_to_text: "{{question}}"
doc_to_target: "{{answer}}"
generation_kwargs: {until: ["."], max_gen_toks: 12, do_sample: false}
metric_list:
  - {metric: exact_match, aggregation: mean, higher_is_better: true}
"""
DATA: dict[str, list[dict[str, object]]] = {
    "animals": [
        {"question": "The lion eats", "choices": ["krill", "meat", "mice"], "answer": 1},
        {"question": "The owl hunts", "choices": ["mice", "krill", "trees"], "answer": 0},
        {
            "question": "The whale lives in every",
            "choices": ["tree", "plain", "ocean"],
            "answer": 2,
        },
    ],
    "stories": [
        {"text": "The lion eats meat and lives on the plains of Africa."},
        {"text": "The whale sings long songs. " * 12},
    ],
    "says": [
        {
            "question": "<|start|>user\nThe lion eat?<|end|>\n<|start|>assistant\n",
            "answer": "The lion",
        },
        {"question": "The owl hunts", "answer": " mice at night"},
    ],
}


def write(folder: Path) -> Path:
    """The folder, with the three tasks and their data in it."""
    folder.mkdir(parents=True)
    for name, task in (("animals", CHOICE), ("stories", TEXT), ("says", ANSWER)):
        (folder / f"{name}.yaml").write_text(task)
        (folder / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in DATA[name]))
    return folder
