"""Make one step: reuse its artifact, or build it in a scratch folder, verify and seal it.

Needs no Prefect: a Prefect task is a few lines around `make`, and tests walk the same path.
"""

import time
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from family import child, heavy
from family.errors import DescentError
from family.lineage.record import record
from family.machine import Energy, environment
from family.passing import may_pass
from family.plan import Step
from family.progress import Listener
from family.spec import distributed
from family.stage import Outcome, Stage
from family.stopping import Stop
from family.store import Manifest, Origin, Store, disk_faults


@dataclass(frozen=True)
class Made:
    """What became of a step."""

    how: Literal["built", "reused"]
    manifest: Manifest


def make(
    step: Step,
    family: str,
    stage: Stage,
    store: Store,
    *,
    prefect_run_id: str | None = None,
    on_progress: Listener | None = None,
    warn: Callable[[str], None] = print,
    recorded: bool = True,
    stop: Stop | None = None,
) -> Made:
    """Reuse the step's artifact if its files verify, else build, seal and record it.

    What is not `recorded` is kept out of the lineage: a control, which nobody ships. Raises
    StageError, or the stage's own DescentError, or KeyboardInterrupt once `stop` has ended a heavy
    stage; what was sealed before stays.
    """
    stop = stop or Stop()
    # Held while it is looked at too: whoever is making it will soon have made it.
    with store.making(step.recipe.key, step.title, on_wait=warn, stop=stop):
        if made := reuse(
            step, family, store, on_progress=on_progress, warn=warn, recorded=recorded
        ):
            return made
        manifest = _built(step, family, stage, store, prefect_run_id, on_progress, stop)
        if recorded:
            record(store, manifest, family, step.tier, step.name)
    return Made("built", manifest)


def reuse(
    step: Step,
    family: str,
    store: Store,
    *,
    on_progress: Listener | None = None,
    warn: Callable[[str], None] = print,
    recorded: bool = True,
) -> Made | None:
    """The step's artifact if it is there and its files verify, recorded as the step's."""
    manifest = store.look(step.recipe.key)
    if manifest is None:
        return None
    if faults := store.faults(manifest):
        warn(f"{step.title}: {faults[0]}; building it again")
        return None
    manifest = store.share(manifest, on_progress)
    if recorded:
        record(store, manifest, family, step.tier, step.name)
    return Made("reused", manifest)


def _built(
    step: Step,
    family: str,
    stage: Stage,
    store: Store,
    prefect_run_id: str | None,
    on_progress: Listener | None,
    stop: Stop,
) -> Manifest:
    recipe = step.recipe
    folders = {name: store.fetch(key, on_progress) for name, key in recipe.inputs.items()}
    inputs = {name: folder for name, folder in folders.items() if folder.is_dir()}  # no leaves
    processes = distributed(recipe.settings).world
    started, clock = datetime.now(UTC), time.monotonic()
    with disk_faults(store.root), Energy() as energy:
        scratch = store.scratch(recipe.key, keep=stage.resumes)
        outcome = (
            heavy.run(step, stage, inputs, scratch, store, on_progress, stop)
            if stage.heavy
            else _here(step, stage, inputs, scratch, store)
        )

    def origin() -> Origin:
        return Origin(
            family=family,
            tier=step.tier,
            step=step.name,
            started=started.isoformat(),
            seconds=time.monotonic() - clock,
            energy_joules=energy.joules(),
            seed=getattr(recipe.settings, "seed", None),
            prefect_run_id=prefect_run_id,
            environment=environment() | ({"processes": processes} if processes > 1 else {}),
        )

    sealed = store.seal(recipe, scratch, outcome, origin)
    return store.share(sealed, on_progress, new=True)


def _here(
    step: Step, stage: Stage, inputs: Mapping[str, Path], scratch: Path, store: Store
) -> Outcome:
    recipe = step.recipe
    try:
        return child.call(stage.function, inputs, recipe.settings, scratch)
    except DescentError:
        raise
    except Exception as error:
        log = store.log(recipe.key)
        log.write_text(traceback.format_exc())
        raise heavy.failed(step, child.told(error), log, may_pass(error)) from error
