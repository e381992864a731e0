"""The child process by itself: its job, its report, and its end with the builder."""

import errno
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from family.child import Job, Said, ending, load, told
from family.spec import Responses
from family.stage import Outcome
from tests.toys import toy

Start = Callable[[str], tuple["subprocess.Popen[bytes]", int]]


@pytest.fixture
def start(tmp_path: Path) -> Start:
    """Starts a child on a toy; the process and the descriptor on which it speaks."""

    def start(name: str) -> tuple["subprocess.Popen[bytes]", int]:
        reader, writer = os.pipe()
        job = Job(
            function=f"tests.toys:{name}",
            settings_type="family.spec:Responses",
            settings=Responses(max_tokens=7).model_dump_json(),
            inputs={},
            out=tmp_path,
            said_fd=writer,
        )
        path = tmp_path / "toy.job"
        path.write_text(job.model_dump_json())
        process = subprocess.Popen(
            [sys.executable, "-m", "family.child", str(path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            pass_fds=(writer,),
        )
        os.close(writer)
        return process, reader

    return start


def heard(reader: int) -> list[Said]:
    with os.fdopen(reader) as pipe:
        return [Said.model_validate_json(line) for line in pipe]


def test_a_child_works_in_its_folder_and_reports_the_outcome(start: Start, tmp_path: Path) -> None:
    process, reader = start("reports")
    *progress, last = heard(reader)
    with process:
        assert process.wait() == 0
    assert [said.progress.done for said in progress if said.progress] == [0, 1, 2, 3]
    assert last.report
    assert last.report.outcome
    assert last.report.outcome.model
    (tmp_path / "here").mkdir()
    assert last.report.outcome == toy({}, Responses(max_tokens=7), tmp_path / "here")
    assert (tmp_path / "toy.txt").read_text() == (tmp_path / "here" / "toy.txt").read_text()


@pytest.mark.parametrize(
    ("name", "error", "expected"),
    [
        ("fails", "ValueError: three is not four", False),
        ("refuses", "none of 3 conversations fits. Raise corpus.block.", True),
    ],
)
def test_a_child_tells_what_the_user_can_mend_apart(
    start: Start, name: str, error: str, expected: bool
) -> None:
    process, reader = start(name)
    (said,) = heard(reader)
    with process:
        assert process.wait() == 1
    assert said.report
    assert (said.report.error, said.report.expected) == (error, expected)
    assert said.report.outcome is None


def test_a_child_ends_when_its_input_does(start: Start, tmp_path: Path) -> None:
    process, reader = start("lingers")
    with os.fdopen(reader) as pipe, process:
        assert json.loads(pipe.readline())["progress"]
        assert process.stdin
        process.stdin.close()
        assert process.wait(60) == 70
        assert pipe.read() == ""


def test_an_error_is_told_in_its_own_words() -> None:
    assert told(ValueError("three is not four")) == "ValueError: three is not four"
    assert told(KeyError()) == "KeyError"


def torch_s_own() -> None:
    import torch

    torch.empty(2**60, dtype=torch.uint8)


def numpy_s_own() -> None:
    import numpy as np

    np.ones(2**60, np.uint8)


@pytest.mark.parametrize("run_out", [torch_s_own, numpy_s_own])
def test_memory_that_ran_out_is_told_with_the_way_on(run_out: Callable[[], None]) -> None:
    with pytest.raises((RuntimeError, MemoryError), match="allocate") as caught:
        run_out()
    assert "Memory ran out. Let it take less (raise `accumulate`, lower `batch`)" in told(
        caught.value
    )


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        OSError(errno.ENOMEM, os.strerror(errno.ENOMEM)),
        type("OutOfMemoryError", (RuntimeError,), {})("CUDA out of memory. Tried to allocate 2 GB"),
        RuntimeError("[ONNXRuntimeError] : Failed to allocate memory for requested buffer of size"),
    ],
    ids=repr,
)
def test_every_library_s_lack_of_memory_is_known(error: Exception) -> None:
    assert "Memory ran out. " in told(error)


def test_an_end_is_told_by_its_code() -> None:
    assert ending(7) == "ended with code 7"
    assert ending(-signal.SIGTERM) == "was ended by SIGTERM"
    assert ending(-signal.SIGKILL).startswith("was ended by SIGKILL, which is what the kernel does")


def test_a_reference_names_a_module_and_what_is_in_it() -> None:
    assert load("family.stage:Outcome") is Outcome
