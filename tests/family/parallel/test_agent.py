"""Several processes of one stage: what is told when one of them fails, and how they all end."""

import signal
from concurrent.futures import ThreadPoolExecutor

import pytest

from family.errors import DescentError, StageError
from family.run import Made, make
from family.stopping import Stop
from family.store import Store
from tests.family.parallel.works import processes_in, wait_for
from tests.toys import family, only


def make_toy(store: Store, name: str, *, seed: int = 0, stop: Stop | None = None) -> Made:
    """Make the family's responses with a toy, in two processes."""
    spec = family(responses={"seed": seed, "distributed": {"processes": 2}})
    step, stage = only(spec, responses=name)
    return make(step, "toys", stage, store, stop=stop)


@pytest.mark.parametrize(
    ("number", "may_pass"), [(signal.SIGSEGV, False), (signal.SIGTERM, True)], ids=str
)
def test_a_process_that_ends_without_a_word_ends_the_others_and_is_told(
    store: Store, number: signal.Signals, may_pass: bool
) -> None:
    expected = f"responses failed: process 2 of 2 was ended by {number.name}"
    with pytest.raises(StageError, match=expected) as caught:
        make_toy(store, "the_second_dies", seed=number)
    assert caught.value.may_pass is may_pass
    assert processes_in(store) == {}


def test_of_what_follows_from_one_error_only_that_one_is_told(store: Store) -> None:
    whole = r"^family · responses: none of 3 conversations fits\. Raise corpus\.block\.$"
    with pytest.raises(DescentError, match=whole) as caught:
        make_toy(store, "the_second_refuses")
    assert not caught.value.may_pass


def test_processes_that_are_deaf_to_being_asked_end_when_they_are_stopped(store: Store) -> None:
    stop = Stop()
    with ThreadPoolExecutor() as pool:
        making = pool.submit(make_toy, store, "lingers", stop=stop)
        wait_for(lambda: any((store.root / "scratch").glob("*/pid")), "the work to begin")
        assert processes_in(store).keys() == {"agent", "0", "1"}
        stop.ask()
        with pytest.raises(KeyboardInterrupt, match="family · responses was stopped"):
            making.result(30)
    assert processes_in(store) == {}
