"""SQLite and PostgreSQL answer alike, whatever is asked."""

from pathlib import Path

import pytest

from benchmarks.lineage import fill, questions
from family.lineage.connect import VARIABLE
from family.lineage.queries import Lineage
from family.store import Store
from tests.postgres import Server


def test_every_question_has_the_same_answer_on_postgresql(
    tmp_path: Path, postgres: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = Store(tmp_path / "store")
    here = answers(store)
    monkeypatch.setenv(VARIABLE, postgres.url(postgres.create()))
    there = answers(store)
    for name, answer in here.items():
        assert there[name] == answer, name


def answers(store: Store) -> dict[str, object]:
    asked = questions(Lineage(store), fill(store, 1))
    del asked["record a model"]
    return {name: ask() for name, ask in asked.items()}
