from pathlib import Path

import lm_eval.tasks
import pytest

from export.capabilities import capabilities
from family.errors import DescentError
from family.spec import LMEval
from family.stage import Metric
from family.store import OUTCOME
from tests.family.evaluate import own_tasks

TASKS = ("animals", "stories", "says")


@pytest.fixture(scope="module")
def tasks(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return own_tasks.write(tmp_path_factory.mktemp("own") / "tasks")


def answered(
    inputs: dict[str, Path], tasks: Path, *names: str, out: Path | None = None, **how: object
) -> dict[str, Metric]:
    asked = LMEval.model_validate(
        {"tasks": names or TASKS, "include": str(tasks), "context": 64, **how}
    )
    outcome = capabilities(inputs, asked, Path())
    if out:
        (out / OUTCOME).write_text(outcome.model_dump_json())
    return {metric.name: metric for metric in outcome.metrics}


@pytest.fixture(scope="module")
def checkpoint(model: Path, tasks: Path) -> dict[str, Metric]:
    return answered({"model": model}, tasks)


def test_a_choice_a_text_and_an_answer_are_scored(checkpoint: dict[str, Metric]) -> None:
    assert {name: metric.n for name, metric in checkpoint.items()} == {
        "animals:acc": 3,
        "stories:bits_per_byte": 2,
        "says:exact_match": 2,
    }
    choice = checkpoint["animals:acc"]
    for metric in (choice, checkpoint["stories:bits_per_byte"]):
        assert metric.low is not None
        assert metric.high is not None
        assert metric.low <= metric.value <= metric.high


def test_exported_files_answer_the_same_requests(
    exports: dict[str, Path],
    model: Path,
    tasks: Path,
    checkpoint: dict[str, Metric],
    tmp_path: Path,
) -> None:
    answered({"model": model}, tasks, out=tmp_path)
    found = answered({"fp32": exports["fp32"], "reference": tmp_path}, tasks)
    for name, metric in checkpoint.items():
        assert found[name].about == "fp32"
        assert found[name].protocol == metric.protocol
        assert found[name].value == pytest.approx(metric.value, rel=1e-4)
    assert found["stories:bits_per_byte:retention"].value == pytest.approx(1, rel=1e-4)


def test_an_exported_file_writes_what_the_checkpoint_writes(
    exports: dict[str, Path], model: Path, tasks: Path
) -> None:
    from lm_eval.api.instance import Instance

    from export.asked import Checkpoint, Files

    asked = LMEval.model_validate({"tasks": TASKS, "include": str(tasks), "context": 64})
    how = {"until": ["ocean"], "max_gen_toks": 16, "do_sample": False}
    requests = [
        Instance("generate_until", {}, (start, how), place)
        for place, start in enumerate(("The lion", "The owl hunts mice at"))
    ]
    written = [
        one.generate_until(requests, disable_tqdm=True)
        for one in (Checkpoint(model, asked), Files(exports["fp32"], asked))
    ]
    assert written[0] == written[1]
    assert any(written[0])


def test_the_protocol_follows_the_data_the_shots_and_the_limit(
    model: Path, tmp_path: Path, checkpoint: dict[str, Metric]
) -> None:
    tasks = own_tasks.write(tmp_path / "tasks")
    same = answered({"model": model}, tasks, "stories")["stories:bits_per_byte"]
    assert same.protocol == checkpoint["stories:bits_per_byte"].protocol
    fewer = answered({"model": model}, tasks, "stories", limit=1)["stories:bits_per_byte"]
    with (tasks / "stories.jsonl").open("a") as file:
        file.write('{"text": "A wolf."}\n')
    more = answered({"model": model}, tasks, "stories")["stories:bits_per_byte"]
    assert len({same.protocol, fewer.protocol, more.protocol}) == 3


def test_the_batch_changes_no_figure_and_no_protocol(
    model: Path, tasks: Path, checkpoint: dict[str, Metric]
) -> None:
    one = answered({"model": model}, tasks, "animals", "stories", batch=1)
    for name, metric in one.items():
        assert metric.protocol == checkpoint[name].protocol
        assert metric.value == pytest.approx(checkpoint[name].value, rel=1e-4)


def test_a_task_that_nobody_knows_is_refused_with_those_that_are_near(
    model: Path, tasks: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    manager = lm_eval.tasks.TaskManager

    def own(include_path: str, include_defaults: bool) -> object:
        assert include_defaults
        return manager(include_path=include_path, include_defaults=False)  # thousands of files

    monkeypatch.setattr(lm_eval.tasks, "TaskManager", own)
    with pytest.raises(DescentError, match=r"no task is called `animalz`\. Did you mean animals"):
        answered({"model": model}, tasks, "animals", "animalz")


def test_more_context_than_a_model_reads_is_refused(model: Path, tasks: Path) -> None:
    with pytest.raises(DescentError, match="context is 4096, and the model reads 256"):
        answered({"model": model}, tasks, context=4096)


def test_exported_files_are_not_asked_to_sample(exports: dict[str, Path], tmp_path: Path) -> None:
    tasks = own_tasks.write(tmp_path / "tasks")
    task = tasks / "says.yaml"
    task.write_text(task.read_text().replace("do_sample: false", "do_sample: true, temperature: 1"))
    with pytest.raises(DescentError, match=r"Give it `do_sample: false`"):
        answered({"fp32": exports["fp32"]}, tasks, "says")
