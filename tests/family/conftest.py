"""A tiny family, made once by the true stages, for the tests of each stage to look at."""

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from family.corpus.blocks import corpus
from family.corpus.prompts import prompts
from family.corpus.responses import responses
from family.distill.train import distill
from family.signal.capture import signal
from family.spec import (
    Corpus,
    Distill,
    GrammarPrompts,
    PruneStart,
    Responses,
    Shape,
    Signal,
    TopK,
    TrimmedVocabulary,
)
from family.stage import Outcome, Settings
from family.student.start import start
from family.student.vocabulary import vocabulary
from tests import tiny

GRAMMAR = GrammarPrompts(
    kind="grammar",
    held_out=0.3,
    topics=("lion", "owl", "whale", "wolf", "frog", "bat"),
    requests=("What does the {topic} eat?", "Where does the {topic} live?", "The {topic}."),
)
DISTILL = Distill(
    tokens=6000, batch=4, learning_rate=3e-3, precision="fp32", checkpoint_steps=2, seed=1
)


class TinyFamily:
    """Folders of a tiny family's artifacts by step, and what each stage said."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.outcomes: dict[str, Outcome] = {}
        self.flagship = tiny.model_folder(root / "flagship", steps=120)
        self.prompts = self._make("prompts", prompts, GRAMMAR)
        self.responses = self._make(
            "responses",
            responses,
            Responses(max_tokens=24, batch=4),
            flagship=self.flagship,
            prompts=self.prompts,
        )
        self.corpus = self._make(
            "corpus",
            corpus,
            Corpus(block=128),
            flagship=self.flagship,
            responses=self.responses,
        )
        self.signal = self._make(
            "signal",
            signal,
            Signal(codec=TopK(kind="top_k", k=8)),
            teacher=self.flagship,
            corpus=self.corpus,
        )
        self.vocabulary = self._make(
            "vocabulary",
            vocabulary,
            TrimmedVocabulary(kind="trimmed", multiple=8),
            flagship=self.flagship,
            corpus=self.corpus,
            signal=self.signal,
        )
        self.start = self._make(
            "start",
            start,
            PruneStart(kind="prune", shape=Shape(layers=2, context=192), calibration=2),
            parent=self.flagship,
            corpus=self.corpus,
            vocabulary=self.vocabulary,
        )
        self.distilled = self._make("distill", distill, DISTILL, **self.distill_inputs)

    @property
    def distill_inputs(self) -> dict[str, Path]:
        return {
            "student": self.start,
            "teacher": self.flagship,
            "signal": self.signal,
            "corpus": self.corpus,
            "generator": self.flagship,
        }

    def _make(
        self,
        step: str,
        stage: Callable[[Mapping[str, Path], Settings, Path], Outcome],
        settings: Settings,
        **inputs: Path,
    ) -> Path:
        out = self.root / step
        out.mkdir()
        self.outcomes[step] = stage(inputs, settings, out)
        return out


@pytest.fixture(scope="session")
def tiny_family(tmp_path_factory: pytest.TempPathFactory) -> TinyFamily:
    return TinyFamily(tmp_path_factory.mktemp("tiny"))
