"""The flow by which a worker of a pool makes one step of a family."""

from pathlib import Path

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.states import Completed

from family.lineage.follow import follow
from family.store import Store
from flows.pools import Order
from flows.refusals import in_plain_words
from flows.stopped import show_as_cancelled
from flows.tasks import STATES, stage


# Its run has a name that whoever orders gives to it.
@flow(
    name="stage",
    retries=0,
    persist_result=False,
    on_crashed=[show_as_cancelled],
)
@in_plain_words
def on_pool(order: Order, store: Path) -> State[None]:
    """Make one step for a build that waits for it elsewhere.

    Args:
        order: The step.
        store: Where the artifacts are, for the build and here.
    """
    opened = Store(store)
    follow(opened)
    made = stage(order.step, order.family, opened).result()
    return Completed(name=STATES[made.how])
