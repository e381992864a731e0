"""How quick the index answers when it is large."""

from collections.abc import Callable

import pytest

from benchmarks.lineage import EDGES, MODELS, fill, milliseconds, questions
from family.lineage.queries import Lineage
from family.store import Store

# Milliseconds of the processor: a busy machine proves nothing.
LIMIT = 50
RECORDING = 10


@pytest.fixture(scope="module")
def asked(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Callable[[], object]]:
    store = Store(tmp_path_factory.mktemp("large") / "store")
    families = fill(store, 20_000)
    assert len(families) * MODELS >= 20_000
    assert len(families) * EDGES >= 100_000
    return questions(Lineage(store), families)


@pytest.mark.parametrize(
    "question",
    [
        "families",
        "status",
        "status of a release",
        "releases",
        "release",
        "decisions",
        "resolve a name",
        "resolve a version",
        "resolve an alias",
        "resolve a digest",
        "resolve a file",
        "resolve a superseded",
        "show",
        "ancestors",
        "descendants",
        "diff",
        "why",
        "contains",
        "stale",
        "path",
        "graph",
        "pedigree",
        "datasets",
        "licences",
    ],
)
def test_every_question_is_quick(asked: dict[str, Callable[[], object]], question: str) -> None:
    assert min(milliseconds(asked[question])) < LIMIT


def test_recording_a_model_is_quick(asked: dict[str, Callable[[], object]]) -> None:
    assert min(milliseconds(asked["record a model"])) < RECORDING


def test_no_question_is_left_out(asked: dict[str, Callable[[], object]]) -> None:
    told = {name for name in vars(Lineage) if not name.startswith("_")}
    assert told <= {name.split()[0] for name in asked}
