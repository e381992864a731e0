"""Makes the steps of a build side by side: in Prefect's task runner, and on work pools."""

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import ExitStack
from contextvars import ContextVar, copy_context
from threading import Condition
from typing import Any, Self

from prefect.context import TagsContext
from prefect.futures import PrefectFuture
from prefect.task_runners import ThreadPoolTaskRunner

from family.errors import DescentError, StoreError
from family.plan import Step
from family.run import Made
from family.spec import FamilySpec
from family.stopping import Stop
from family.store import Manifest, Store
from flows import stages
from flows.board import Board
from flows.runners import Processes, runner
from flows.tasks import stage, stopping
from flows.watch import watcher

Future = PrefectFuture[Any]
#: Tiers that are open at a time, at most: with 40 of them Prefect's SQLite refused requests. Tiers
#: stand after what they build on, so those that are open never wait for one that is not.
TIERS = 8


class HeldBackError(Exception):
    """A tier is not built, since one that it builds on is not there or missed its gate."""


class Crew:
    """Who makes the steps of one build; the family's head moves with each.

    Each flow of the build, in a thread of its own, asks for the making of its steps. What a tier
    seals ahead of the verdict on one that it builds on becomes the family's only after that.
    """

    def __init__(self, spec: FamilySpec, steps: Iterable[Step], store: Store) -> None:
        self._spec, self._store, self._head = spec, store, store.head(spec.family)
        self._board = Board(spec, steps, stages.STAGES)
        self._changed = Condition()
        self._claimed: set[str] = set()
        self._at_work: dict[str, tuple[Step, Stop]] = {}
        self._unsaid: dict[str, dict[str, str]] = {}
        self._stopping = False
        self._beside = ThreadPoolTaskRunner[Any]()
        self._runner = runner(spec.running)
        # A cluster's tasks do not hear of a stop; they end with the cluster.
        self._heedless = not isinstance(self._runner, (ThreadPoolTaskRunner, Processes))
        self._open = ExitStack()
        self.built: list[Manifest] = []
        """What was not reused."""

    def __enter__(self) -> Self:
        self._open.enter_context(self._beside)
        self._open.enter_context(self._runner)
        return self

    def __exit__(self, *error: Any) -> None:
        if any(error):
            self.stop()
        self._open.__exit__(*error)

    @property
    def held(self) -> dict[str, str]:
        """Tiers that are not built, with a sentence that says because of which one."""
        held = self._board.held
        return {name: _because(name, held[name]) for name in self._spec.tiers if name in held}

    def side_by_side(
        self, tiers: Iterable[str], build: Callable[[str], None]
    ) -> dict[str, DescentError]:
        """Let `build` have each tier, in threads; the errors of those that failed.

        A tier that fails or misses a bound holds back what builds on it. What is no fault of a tier
        stops all of them: Ctrl-C, or a full disk, with which no other tier would fare better.
        """
        failed: dict[str, DescentError] = {}

        def one(name: str) -> None:
            try:
                build(name)
            except StoreError:
                raise
            except DescentError as error:
                failed[name] = error
            self._judged(name, passed=name not in failed)

        tiers = [*tiers]
        with ThreadPoolExecutor(TIERS) as threads:
            started = [threads.submit(copy_context().run, one, name) for name in tiers]
            try:
                for ended in as_completed(started):
                    ended.result()
            except BaseException:
                self.stop()
                raise
        return {name: failed[name] for name in tiers if name in failed}

    def await_turn(self, steps: Iterable[Step]) -> None:
        """Wait until one of a tier's steps may begin, and claim it; then the tier's flow can be.

        Raises HeldBackError if the tier will not be built."""
        steps = [*steps]
        with self._changed:
            while not (turn := [step for step in steps if self._board.may_begin(step)]):
                self._halt(steps[0].tier)
                self._changed.wait()
            self._claimed.add(turn[0].id)
            self._begin(turn[0])

    def make(self, steps: Iterable[Step]) -> dict[str, Made]:
        """Make the steps of one flow, each as soon as it may begin; by the step's name.

        Raises the error of the first that failed, once those at work have ended, HeldBackError if
        the flow shall not go on, and KeyboardInterrupt if the build is stopped.
        """
        to_come = {step.id: step for step in steps}
        tier = next(iter(to_come.values())).tier
        at_work: dict[Future, Step] = {}
        ended: list[Future] = []
        made: dict[str, Made] = {}
        error: BaseException | None = None

        def end(future: Future) -> None:
            with self._changed:
                ended.append(future)
                self._changed.notify_all()

        with self._changed:
            while at_work or (to_come and not error):
                if not at_work or (self._stopping and self._heedless):
                    self._halt(tier)
                for step in [*to_come.values()]:
                    if step.id in self._claimed or self._board.may_begin(step):
                        future = self._start(to_come.pop(step.id))
                        at_work[future] = step
                        future.add_done_callback(end)
                if not ended:
                    self._changed.wait()
                while ended:
                    future = ended.pop(0)
                    step = at_work.pop(future)
                    try:
                        made[step.name] = self._finish(step, future)
                    except BaseException as found:
                        error = error or found
        if error:
            raise error
        return made

    def stop(self) -> None:
        """End what is at work, and begin nothing."""
        with self._changed:
            self._stopping = True
            at_work = [stop for _, stop in self._at_work.values()]
            self._changed.notify_all()
        if isinstance(self._runner, Processes):
            self._runner.end()
        for stop in at_work:
            stop.ask()

    def _judged(self, tier: str, *, passed: bool) -> None:
        """A tier has passed, or has not, which ends what is made ahead of its verdict."""
        with self._changed:
            held = self._board.judged(tier, passed=passed)
            in_vain = [stop for step, stop in self._at_work.values() if step.tier in held]
            self._changed.notify_all()
        for stop in in_vain:
            stop.ask()

    def _halt(self, tier: str) -> None:
        """Raise what a flow that waits is to end with, if it is to end."""
        if self._stopping:
            raise KeyboardInterrupt
        if because := self._board.held.get(tier):
            raise HeldBackError(_because(tier, because))

    def _begin(self, step: Step) -> None:
        self._board.begin(step)
        self._changed.notify_all()

    def _start(self, step: Step) -> Future:
        if step.id in self._claimed:
            self._claimed.remove(step.id)
        else:
            self._begin(step)
        pool, stop = self._board.pool(step), Stop()
        self._at_work[step.id] = step, stop
        here = pool is None and stages.STAGES[step.recipe.stage].heavy
        watcher.get().begins(step)
        # Not with the tier's name, which its flow has: for each set of tags Prefect keeps a thread
        # with a client that asks whether they are limited. Were no two tasks' tags the same, that
        # would be half of the time in which a build reuses its steps.
        family = self._spec.family
        with TagsContext(current_tags={family, step.recipe.stage}), stopping(stop):
            asked = {"step": step, "family": family, "store": self._store, "pool": pool}
            return (self._runner if here else self._beside).submit(stage, asked)

    def _finish(self, step: Step, future: Future) -> Made:
        """Take down how a step ended; raises what it ended with."""
        _, stop = self._at_work.pop(step.id)
        try:
            made: Made = future.result()
        except BaseException as error:
            self._board.end(step, there=False)
            self._changed.notify_all()
            watcher.get().failed(step)
            if stop.asked.is_set() or self._stopping:
                self._halt(step.tier)
            raise error
        self._board.end(step, there=True)
        self._changed.notify_all()
        watcher.get().ended(step, made)
        if made.how == "built":
            self.built.append(made.manifest)
        self._move_head(step)
        return made

    def _move_head(self, step: Step) -> None:
        unsaid = self._unsaid.setdefault(step.tier, {})
        if self._head.get(step.id) != step.recipe.key:
            unsaid[step.id] = step.recipe.key
        if unsaid and self._board.sure(step.tier):
            self._head |= unsaid
            self._store.set_head(self._spec.family, self._head)
            unsaid.clear()


def _because(tier: str, other: str) -> str:
    return f"{tier} is held back, since it builds on {other}"


_crew: ContextVar[Crew] = ContextVar("crew")


def engage(makers: Crew) -> None:
    """Let the flows of this build find their crew."""
    _crew.set(makers)


def crew() -> Crew:
    """The crew of the build that this flow is of."""
    return _crew.get()
