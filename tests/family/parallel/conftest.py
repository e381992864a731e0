"""The tiny family with a corpus of more blocks, so that there is work to share."""

from collections.abc import Callable
from pathlib import Path

import pytest

from family.corpus.blocks import corpus
from family.distill.train import distill
from family.signal.capture import signal
from family.spec import Corpus, Distill, Signal, TopK
from family.store import Store
from tests.family.conftest import TinyFamily
from tests.family.parallel.works import INPUTS, Works

SIGNAL = Signal(codec=TopK(kind="top_k", k=8))

Alone = Callable[[Distill], Path]


@pytest.fixture(scope="session")
def inputs(tiny_family: TinyFamily, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Folders of a family's artifacts by key; the corpus has ten blocks."""
    root = tmp_path_factory.mktemp("blocks")
    found = {
        "flagship": tiny_family.flagship,
        "prompts": tiny_family.prompts,
        "start": tiny_family.start,
        "corpus": root / "corpus",
        "signal": root / "signal",
    }
    found["corpus"].mkdir()
    found["signal"].mkdir()
    taken = {"flagship": tiny_family.flagship, "responses": tiny_family.responses}
    corpus(taken, Corpus(block=64), found["corpus"])
    signal({"teacher": tiny_family.flagship, "corpus": found["corpus"]}, SIGNAL, found["signal"])
    return found


@pytest.fixture
def works(store: Store, inputs: dict[str, Path]) -> Works:
    return Works(store, inputs)


@pytest.fixture
def alone(inputs: dict[str, Path], tmp_path: Path) -> Alone:
    """Trains in this process; the folder that it leaves."""

    def alone(settings: Distill) -> Path:
        out = tmp_path / "alone"
        out.mkdir()
        distill({name: inputs[key] for name, key in INPUTS["distill"].items()}, settings, out)
        return out

    return alone
