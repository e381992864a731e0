import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from export.runtime import Decoder, Session, stream
from family.errors import DescentError
from tests import tiny
from tests.export.conftest import PRECISIONS

PROMPT = np.array([1, 90, 200, 30, 45])


def test_runtime_starts_no_torch() -> None:
    code = "import sys, export.runtime; print({'torch', 'transformers'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"


@pytest.mark.parametrize("precision", ["fp32", "int8"])
def test_greedy_tokens_with_a_cache_are_those_without(
    exports: dict[str, Path], precision: str
) -> None:
    session = Session(exports[precision])
    found = session.greedy(PROMPT, 12)
    sequence = np.concatenate([PROMPT, found])
    assert session.logits(sequence).shape == (17, len(tiny.tokenizer()))
    assert (session.logits(sequence)[4:-1].argmax(-1) == found).all()


def greedy_answer(folder: Path, count: int) -> list[int]:
    """The first greedy tokens after the chat that asks `Why?`."""
    ids = tiny.tokenizer().apply_chat_template(
        [{"role": "user", "content": "Why?"}], add_generation_prompt=True, return_dict=False
    )
    return Session(folder).greedy(np.array(ids), count).tolist()


def test_the_stream_is_the_greedy_answer_to_the_chat(exports: dict[str, Path]) -> None:
    expected = tiny.tokenizer().decode(greedy_answer(exports["fp32"], 20))
    assert "".join(stream(exports["fp32"], "Why?", 20)) == expected


def test_the_stream_ends_with_the_end_token(exports: dict[str, Path], tmp_path: Path) -> None:
    tokens = greedy_answer(exports["fp32"], 20)
    end = next(token for token in tokens if token != tokens[0])
    folder = shutil.copytree(exports["fp32"], tmp_path / "ends")
    config = json.loads((folder / "genai_config.json").read_text())
    config["model"]["eos_token_id"] = end
    (folder / "genai_config.json").write_text(json.dumps(config))
    answer = tiny.tokenizer().decode(tokens[: tokens.index(end) + 1])
    assert "".join(stream(folder, "Why?", 20)) == answer


@pytest.mark.parametrize("precision", PRECISIONS)
def test_a_warm_stream_writes_text_of_its_own(exports: dict[str, Path], precision: str) -> None:
    answers = {"".join(stream(exports[precision], "Why?", 16, 1.5)) for _ in range(4)}
    assert len(answers) > 1


def test_the_stream_stops_at_the_end_of_the_context(exports: dict[str, Path]) -> None:
    assert "".join(stream(exports["int4"], "Why?", 10_000))


def test_a_prompt_longer_than_the_context_is_refused(exports: dict[str, Path]) -> None:
    with pytest.raises(DescentError, match=r"the prompt has \d+ tokens, and the model reads 256"):
        next(stream(exports["int4"], "why " * 300))


@pytest.mark.parametrize("precision", PRECISIONS)
def test_a_decoder_is_timed_past_the_end_token(exports: dict[str, Path], precision: str) -> None:
    timing = Decoder(exports[precision], threads=1).time(PROMPT, 100)
    assert timing.first_token > 0
    assert timing.rate > 0
