"""Answers of a real server, `transformers serve`, that is killed and started again meanwhile."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from family.spec import EndpointResponses
from family.teacher import endpoint_pace
from family.teacher.endpoint_answers import JOURNAL, fetch, read
from tests import tiny

pytest.importorskip("openai", reason="`transformers serve` wants openai: transformers[serving]")
pytest.importorskip("uvicorn", reason="`transformers serve` wants uvicorn: transformers[serving]")

ASKED = [("train", f"The lion? {number}") for number in range(25)]
ASKED += [("held_out", f"The owl? {number}") for number in range(5)]


@contextmanager
def serving(model: Path, port: int, log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """The server, once it answers; what it still does at the end is killed."""
    command = [str(Path(sys.executable).parent / "transformers"), "serve", str(model)]
    command += ["--host", "127.0.0.1", "--port", str(port), "--device", "cpu"]
    with log.open("ab") as output:
        process = subprocess.Popen(
            command,
            stdout=output,
            stderr=output,
            env={**os.environ, "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"},
        )
    try:
        until(lambda: answers(f"http://127.0.0.1:{port}/health"), seconds=240)
        yield process
    finally:
        process.kill()
        process.wait()


def answers(url: str) -> bool:
    try:
        return httpx.get(url, trust_env=False).status_code == 200
    except httpx.TransportError:
        return False


def until(true: Callable[[], bool], seconds: float) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, f"not so after {seconds} seconds"
        time.sleep(0.05)


def test_a_server_that_is_killed_and_comes_back_is_asked_for_no_answer_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(endpoint_pace, "LONGEST_WAIT", 1.0)
    model = tiny.model_folder(tmp_path / "model")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    settings = EndpointResponses(
        kind="endpoint",
        url=f"http://127.0.0.1:{port}/v1",
        model=str(model),
        licence="own",
        max_tokens=12,
        concurrency=2,
        requests_per_minute=600,
        retries=300,
    )
    out, log = tmp_path / "out", tmp_path / "server.log"
    out.mkdir()

    def there() -> int:
        journal = out / JOURNAL
        return len(journal.read_bytes().splitlines()) if journal.exists() else 0

    with ThreadPoolExecutor(1) as aside:
        with serving(model, port, log) as server:
            made = aside.submit(fetch, ASKED, settings, out)
            until(lambda: there() >= 8 or made.done(), seconds=60)
            server.kill()
            server.wait()
            before = there()
        assert before < len(ASKED)
        with serving(model, port, log):
            outcome = made.result(timeout=240)

    rows = [read(line) for name in ("train", "held_out") for line in (out / f"{name}.jsonl").open()]
    assert [prompt for prompt, _ in rows] == [prompt for _, prompt in ASKED]
    assert all(reply.answer and reply.written for _, reply in rows)
    assert int(outcome.facts["tried_again"]) >= 1
    given = log.read_text().count('POST /v1/chat/completions HTTP/1.1" 200')
    assert (
        len(ASKED) <= given <= len(ASKED) + settings.concurrency
    )  # those on their way at the kill
