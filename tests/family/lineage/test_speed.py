"""How quick the index answers when it is large."""

from collections.abc import Callable
from pathlib import Path

import pytest

from benchmarks.lineage import EDGES, MODELS, fill, milliseconds, questions
from family.lineage.queries import Lineage
from family.store import Store

LIMIT = 50  # milliseconds of the processor: a busy machine proves nothing


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
        "status",
        "resolve a name",
        "resolve a digest",
        "resolve a file",
        "resolve a superseded",
        "show",
        "ancestors",
        "descendants",
        "diff",
        "why",
        "contains",
        "path",
        "graph",
        "licences",
    ],
)
def test_every_question_is_quick(asked: dict[str, Callable[[], object]], question: str) -> None:
    assert min(milliseconds(asked[question])) < LIMIT


def test_no_question_is_left_out(asked: dict[str, Callable[[], object]], tmp_path: Path) -> None:
    told = {name for name in vars(Lineage) if not name.startswith("_")} - {"families"}
    assert told <= {name.split()[0] for name in asked}
