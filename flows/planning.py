"""A family's steps, and what of them is stale in a store. Needs no Prefect: `plan` asks it too."""

from pathlib import Path

from family import estimate, plan
from family.errors import NoStoreError
from family.estimate import PlanReport
from family.leaves import leaves
from family.lineage.follow import follow
from family.plan import Planned, Step
from family.spec import FamilySpec
from family.store import Store
from flows import stages


def steps(spec: FamilySpec, store: Store | None) -> list[Step]:
    """Every step, by what the user's files hold now; a store remembers unchanged ones' digests."""
    cache = store.root / "digests.json" if store else None
    return plan.steps(spec, leaves(spec, cache), stages.STAGES)


def planned(spec: FamilySpec, store: Store | None) -> list[Planned]:
    """What is stale, and why: against a store's sizes of files, not their digests; without one,
    all of it is."""
    if store is None:
        return plan.plan(steps(spec, None), {}, lambda key: None, lambda manifest: [])
    return plan.plan(
        steps(spec, store),
        store.head(spec.family),
        store.manifest,
        lambda manifest: store.faults(manifest, deep=False),
    )


def costs(spec: FamilySpec, root: Path) -> PlanReport:
    """The plan against the store at `root`, which need not be there, and what it would cost."""
    try:
        store = Store.existing(root)
    except NoStoreError:
        return estimate.report(spec, planned(spec, None), lambda key: None)
    follow(store)
    return estimate.report(spec, planned(spec, store), store.manifest, store.manifests())
