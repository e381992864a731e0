"""Opening the index and its migrations, on real SQLite."""

import subprocess
import sys

import pytest

from family.errors import StoreError
from family.lineage.queries import Lineage
from family.store import Store
from tests.family.lineage.hand_built import Family


def run(code: str, *arguments: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-c", code, *arguments], stdout=subprocess.PIPE, text=True
    )


def test_a_damaged_index_says_how_to_mend_it(family: Family) -> None:
    before = Lineage(family.store).status("toy")
    path = family.store.root / "lineage.db"
    path.write_bytes(b"no database" * 1000)
    with pytest.raises(StoreError, match=r"lineage\.db: the lineage index cannot be used: "):
        Lineage(family.store).status("toy")

    path.unlink()

    assert Lineage(family.store).status("toy") == before


def test_alembic_is_imported_only_when_a_migration_is_due(store: Store) -> None:
    code = (
        "import sys; from pathlib import Path; from family.store import Store\n"
        "from family.lineage.database import reading\n"
        "with reading(Store(Path(sys.argv[1]))): print('alembic' in sys.modules)"
    )
    said = [run(code, str(store.root)).communicate()[0].strip() for _ in range(2)]
    assert said == ["True", "False"]


def test_several_processes_may_open_a_new_index_at_once(store: Store) -> None:
    code = (
        "import sys; from pathlib import Path; from family.store import Store\n"
        "from family.lineage.record import reindex\n"
        "reindex(Store(Path(sys.argv[1]))); print('done')"
    )
    runs = [run(code, str(store.root)) for _ in range(4)]
    assert [process.communicate()[0].strip() for process in runs] == ["done"] * 4
