"""What of a stage's log is read in Prefect's."""

import logging
from pathlib import Path

import pytest

from flows.logs import StageLog

TRAINING = (
    "Loading weights:   0%|          | 0/146 [00:00<?, ?it/s]"
    "\rLoading weights: 100%|██████████| 146/146 [00:00<00:00, 26031.64it/s]\n"
    "{'loss': '1.803', 'grad_norm': '3.473', 'learning_rate': '0.001', 'epoch': '0.137'}\n"
    "{'loss': '0.7929', 'grad_norm': '2.04', 'learning_rate': '0.0009419', 'epoch': '0.274'}\n"
    "/x/y.py:7: UserWarning: this is slow\n"
    "  warnings.warn(\n"
)
GATHER = "onnxruntime.quantization [ERROR] - Gather only supports 4 bits quantization.\n"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "stage.log"


@pytest.fixture
def log(path: Path, caplog: pytest.LogCaptureFixture) -> StageLog:
    caplog.set_level(logging.DEBUG)
    return StageLog(path, logging.getLogger("tests.stage"))


def told(caplog: pytest.LogCaptureFixture, *, least: int = logging.INFO) -> list[str]:
    return [one.getMessage() for one in caplog.records if one.levelno >= least]


def test_the_newest_figures_and_warnings_are_passed_on_and_bars_are_not(
    path: Path, log: StageLog, caplog: pytest.LogCaptureFixture
) -> None:
    path.write_text(TRAINING)
    log.follow()
    assert [(one.levelname, one.getMessage()) for one in caplog.records] == [
        ("DEBUG", "loss 1.803, grad norm 3.473, learning rate 0.001, epoch 0.137"),
        ("INFO", "loss 0.7929, grad norm 2.04, learning rate 0.0009419, epoch 0.274"),
        ("WARNING", "/x/y.py:7: UserWarning: this is slow"),
        ("DEBUG", "  warnings.warn("),
    ]


def test_nothing_is_said_twice_and_a_line_only_once_it_is_whole(
    path: Path, log: StageLog, caplog: pytest.LogCaptureFixture
) -> None:
    path.write_text("2026-11-24 07:11:33,985 " + GATHER + "2026-11-24 07:11:34,001 " + GATHER)
    log.follow(every=0)
    with path.open("a") as file:
        file.write("{'loss': ")
    log.follow(every=0)
    assert told(caplog) == ["2026-11-24 07:11:33,985 " + GATHER.strip()]
    with path.open("a") as file:
        file.write("'0.5'}")
    log.end()
    assert told(caplog)[1:] == ["loss 0.5"]


def test_the_last_lines_of_a_failed_stage_are_shown(
    path: Path, log: StageLog, caplog: pytest.LogCaptureFixture
) -> None:
    path.write_text("".join(f"line {number}\n" for number in range(30)) + "x:  3%|  | 1/9\n")
    log.fail()
    first, *lines = told(caplog, least=logging.ERROR)[0].splitlines()
    assert first == f"The last lines of {path}:"
    assert lines == [f"line {number}" for number in range(10, 30)]


def test_the_log_of_an_earlier_run_is_not_shown(
    path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    path.write_text(TRAINING)
    log = StageLog(path, logging.getLogger("tests.stage"))
    log.follow()
    log.fail()
    assert caplog.records == []
