"""What several processes or jobs make in shares is, to the byte, what one process makes."""

import argparse
from pathlib import Path

import pytest

from family.errors import DescentError
from family.signal import share
from family.signal.capture import signal
from family.spec import Responses, Signal
from tests.family.conftest import TinyFamily
from tests.family.parallel.conftest import SIGNAL
from tests.family.parallel.works import SHARED, Works


def assert_same_files(made: Path, alone: Path) -> None:
    found = {path.name for path in made.iterdir()} - {"manifest.json", "outcome.json"}
    assert found == {path.name for path in alone.iterdir()}
    for path in alone.iterdir():
        assert path.read_bytes() == (made / path.name).read_bytes(), path.name


def capture(
    inputs: dict[str, Path], out: Path, *, of: str, signal: str = "{codec: {kind: top_k, k: 8}}"
) -> None:
    """Capture one share as a job of its own does."""
    where = [str(inputs["flagship"]), str(inputs["corpus"]), str(out)]
    share.main([*where, "--signal", signal, "--share", of])


def test_a_signal_of_two_processes_is_that_of_one(works: Works, inputs: dict[str, Path]) -> None:
    made = works.make(Signal.model_validate({**SIGNAL.model_dump(), "distributed": SHARED}))
    assert_same_files(works.folder(made), inputs["signal"])


def test_a_signal_whose_shares_were_captured_by_jobs_is_that_of_one_process(
    works: Works, inputs: dict[str, Path]
) -> None:
    asked = Signal.model_validate({**SIGNAL.model_dump(), "distributed": SHARED})
    scratch = works.scratch(asked)
    for of in ("2/3", "1/3", "3/3"):
        capture(inputs, scratch, of=of)
    assert len(list((scratch / "pieces").glob("0*"))) == 3

    # Nothing is left for two processes to do: the first one clears up while the second one looks.
    assert_same_files(works.folder(works.make(asked)), inputs["signal"])


def test_the_build_captures_what_no_job_has(
    inputs: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    capture(inputs, tmp_path, of="2/3")
    before = (tmp_path / "pieces" / "00001").stat().st_ino
    taken = {"teacher": inputs["flagship"], "corpus": inputs["corpus"]}

    def keeps(pieces: Path) -> None:
        assert (pieces / "00001").stat().st_ino == before

    monkeypatch.setattr("family.signal.capture.shutil.rmtree", keeps)
    signal(taken, SIGNAL, tmp_path)
    for name in ("ids", "shares", "offsets", "usage"):
        alone = inputs["signal"] / f"{name}.npy"
        assert (tmp_path / f"{name}.npy").read_bytes() == alone.read_bytes()


def test_pieces_of_another_setting_are_refused(inputs: dict[str, Path], tmp_path: Path) -> None:
    capture(inputs, tmp_path, signal="{codec: {kind: top_k, k: 4}}", of="1/3")
    expected = "pieces holds pieces of another teacher, corpus or setting. Remove it"
    with pytest.raises(DescentError, match=expected):
        capture(inputs, tmp_path, of="2/3")
    with pytest.raises(DescentError, match=expected):
        signal({"teacher": inputs["flagship"], "corpus": inputs["corpus"]}, SIGNAL, tmp_path)


@pytest.mark.parametrize("text", ["0/3", "4/3", "3", "a/b", "1/"])
def test_what_is_no_share_is_refused(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match=f"{text} is no share like 3/8"):
        share.share(text)


def test_the_answers_of_two_processes_are_those_of_one(
    works: Works, tiny_family: TinyFamily
) -> None:
    made = works.make(
        Responses.model_validate({"max_tokens": 24, "batch": 4, "distributed": SHARED})
    )
    assert_same_files(works.folder(made), tiny_family.responses)
    assert made.manifest.outcome == tiny_family.outcomes["responses"]
