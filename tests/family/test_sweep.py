"""What a sweep takes out of a store, and what it never touches."""

import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest

from family.errors import StoreError
from family.ledger import releases
from family.lineage.queries import Lineage
from family.lineage.record import reindex
from family.release.freeze import release
from family.store import Store
from family.sweep import Swept, sweep
from tests.family.lineage.hand_built import Family, add_family, add_tier
from tests.toys import build, changed, family, make_one, only, stale

HOLDS = """
import sys
from pathlib import Path
from family.store import Store
with Store(Path(sys.argv[1])).lock("toys"):
    print("held", flush=True)
    sys.stdin.read()
"""


def keys(store: Store) -> set[str]:
    return {one.key for one in store.manifests()}


def names(swept: Swept) -> set[str]:
    return {one.name for one in swept.artifacts}


@pytest.fixture
def shipped(store: Store) -> Family:
    """A family that is released as 1.0.0, and whose edge was built anew since."""
    made = Family(store)
    add_family(made)
    release(store, "toy", "1.0.0", by="Ada")
    add_tier(made, "edge", 14_000_000, 0.70, parent="nano/distill", turn=" again")
    made.end()
    return made


def test_what_an_earlier_build_made_goes_and_what_the_family_has_stays(store: Store) -> None:
    build(family(), store)
    earlier = keys(store)
    now = changed(family(), "tiers.nano.distill.tokens", 7)
    built = build(now, store)
    head = {*store.head("toys").values()}

    swept = sweep(store)

    assert names(swept) == {f"toys/{step.lstrip('/')}" for step in built}
    assert {one.key for one in swept.artifacts} == earlier - head
    assert keys(store) == head
    assert swept.kept == len(head)
    assert not stale(now, store)
    assert sweep(store).artifacts == ()


def test_what_a_release_has_and_what_it_is_made_of_stays(shipped: Family) -> None:
    add_tier(shipped, "edge", 14_000_000, 0.60, parent="nano/distill", turn=" a third time")
    shipped.end()
    lineage = Lineage(shipped.store)
    before = lineage.status("toy", "1.0.0")

    swept = sweep(shipped.store)

    assert names(swept)
    assert all(name.startswith("toy/edge/") for name in names(swept))  # the second try at it
    assert lineage.status("toy", "1.0.0") == before
    assert lineage.show("edge@candidate").model == before.tiers[-1].model
    ((made, _),) = releases(shipped.store)
    assert {*made.steps.values()} <= keys(shipped.store)
    assert not [one for one in shipped.store.manifests() if shipped.store.faults(one)]


def test_the_index_forgets_what_is_swept_and_is_the_one_that_the_store_gives(
    shipped: Family,
) -> None:
    add_tier(shipped, "edge", 14_000_000, 0.60, parent="nano/distill", turn=" a third time")
    shipped.end()
    sweep(shipped.store)
    lineage = Lineage(shipped.store)
    then = lineage.status("toy"), lineage.graph("edge"), lineage.contains("flagship")
    reindex(shipped.store)
    assert (lineage.status("toy"), lineage.graph("edge"), lineage.contains("flagship")) == then


def test_half_done_work_and_what_killed_writers_left_goes(store: Store) -> None:
    build(family(), store)
    step, _ = only(family())
    left = {
        f"scratch/{step.recipe.key}/checkpoints/weights.bin",
        f"scratch/{step.recipe.key}.job",
        "families/toys.json.1234.part",
        "digests.json.1234.part",
        f"logs/{'0' * 64}.log",
        f"artifacts/{'1' * 64}/half.txt",
    }
    for name in left:
        (store.root / name).parent.mkdir(parents=True, exist_ok=True)
        (store.root / name).write_text("half")
    store.log(step.recipe.key).write_text("of an artifact that stays")

    swept = sweep(store)

    assert not [name for name in left if (store.root / name).exists()]
    assert [(one.name, one.key) for one in swept.artifacts] == [("", "1" * 64)]
    assert swept.bytes == len("half") * len(left)
    assert store.log(step.recipe.key).exists()
    assert not list((store.root / "locks").iterdir())


def test_a_dry_run_takes_nothing_away(store: Store) -> None:
    build(family(), store)
    build(changed(family(), "tiers.nano.distill.tokens", 7), store)
    there = sorted((store.root / "artifacts").rglob("*"))
    dry = sweep(store, dry=True)
    assert sorted((store.root / "artifacts").rglob("*")) == there
    assert sweep(store) == dry


def test_what_was_made_lately_can_be_kept(store: Store) -> None:
    build(family(), store)
    build(changed(family(), "tiers.nano.distill.tokens", 7), store)
    assert not sweep(store, recent=timedelta(hours=1)).artifacts
    assert sweep(store).artifacts


def test_a_running_build_is_waited_for_or_else_the_sweep_refused(store: Store) -> None:
    make_one(store)
    builder = subprocess.Popen(
        [sys.executable, "-c", HOLDS, str(store.root)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert builder.stdin
    assert builder.stdout
    try:
        assert builder.stdout.readline() == "held\n"
        holder = rf"is held by another build \(process {builder.pid}\)"
        with pytest.raises(StoreError, match=holder):
            sweep(store, wait=False)
        assert keys(store)
        said: list[str] = []

        def on_wait(message: str) -> None:
            said.append(message)
            assert builder.stdin
            builder.stdin.close()

        sweep(store, on_wait=on_wait)
        assert f"(process {builder.pid}); waiting for it to end" in said[0]
        assert not keys(store)
    finally:
        builder.kill()
        builder.wait()


@pytest.mark.parametrize("after", ["the index", "a move"])
def test_a_sweep_that_was_killed_is_simply_run_again(
    store: Store, monkeypatch: pytest.MonkeyPatch, after: str
) -> None:
    build(family(), store)
    now = changed(family(), "tiers.nano.distill.tokens", 7)
    build(now, store)

    def die(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        if after == "the index":
            patch.setattr(Path, "rename", die)
        else:
            patch.setattr("family.sweep.shutil.rmtree", die)
        with pytest.raises(KeyboardInterrupt):
            sweep(store)
    assert not stale(now, store)
    sweep(store)
    assert keys(store) == {*store.head("toys").values()}
    assert not list((store.root / "scratch").iterdir())
