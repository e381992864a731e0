"""The order in which an artifact's ancestors are looked at, and how their files are read."""

import os
from pathlib import Path

from family.load import load
from family.plan import Leaves, steps
from family.progress import Progress
from family.release.chain import LEAVES, chain
from family.release.sums import Sums
from family.spec import Rows, Text
from family.store import Store, sha256
from flows.stages import STAGES

ROOT = Path(__file__).parents[3]


def test_what_the_plan_takes_from_the_user_is_what_counts_as_brought() -> None:
    spec = load(ROOT / "configs/quickstart.yaml")
    spec = spec.model_copy(update={"text": Text(path="text.txt"), "rows": Rows(path="rows.csv")})
    data = dict.fromkeys(spec.data, "b" * 64)
    brought = {
        (step.recipe.stage, name)
        for step in steps(spec, Leaves(flagship="a" * 64, data=data), STAGES)
        for name in step.recipe.inputs.keys() - step.sources.keys()
    }
    assert brought == LEAVES


def test_every_artifact_comes_after_what_it_was_made_from(signed: Path) -> None:
    store = Store(signed / "store")
    links = chain(store, store.head("toy").values())
    seen: set[str] = set()
    for link in links:
        assert link.above <= seen
        seen.add(link.key)
    assert seen == set(store.head("toy").values())
    assert [link.key for link in links] == [link.key for link in chain(store, sorted(seen))]


def test_files_are_read_once_under_all_their_names(tmp_path: Path) -> None:
    one, two, same = (tmp_path / name for name in ("one", "two", "same"))
    one.write_bytes(b"1" * 5_000_000)
    two.write_bytes(b"")
    os.link(one, same)
    heard: list[Progress] = []
    with Sums([one, two, same, tmp_path / "none"], heard.append) as sums:
        assert sums.total == 5_000_000
        assert {path.name: sums.of(path) for path in (one, two, same)} == {
            "one": sha256(one),
            "two": sha256(two),
            "same": sha256(one),
        }
    assert [said.done for said in heard] == [4 << 20, 5_000_000]


def test_leaving_early_does_not_read_on(tmp_path: Path) -> None:
    path = tmp_path / "large"
    path.touch()
    os.truncate(path, 20_000_000_000)  # no room is taken
    heard: list[Progress] = []
    with Sums([path], heard.append):
        pass
    assert sum(said.done for said in heard[-1:]) < 10_000_000_000
