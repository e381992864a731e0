"""What may pass if it is tried again, and what may not."""

from collections.abc import Callable

import httpx
import pytest
import requests

from family.errors import DescentError, GateError, SpecError, StageError
from family.passing import may_pass

REQUEST = httpx.Request("GET", "https://hub.example/model")


def answered(status: int) -> httpx.HTTPStatusError:
    response = httpx.Response(status, request=REQUEST)
    return httpx.HTTPStatusError(str(status), request=REQUEST, response=response)


def lost() -> StageError:
    error = StageError("mini · distill failed: its process was ended by SIGKILL")
    error.may_pass = True
    return error


@pytest.mark.parametrize(
    "error",
    [
        ConnectionResetError("reset"),
        TimeoutError("ten seconds"),
        httpx.ConnectError("no route", request=REQUEST),
        httpx.ReadTimeout("slow", request=REQUEST),
        requests.ConnectionError("no route"),
        requests.Timeout("slow"),
        answered(429),
        answered(503),
        lost(),
    ],
    ids=repr,
)
def test_a_network_a_busy_server_and_a_lost_worker_may_pass(error: Exception) -> None:
    assert may_pass(error)


@pytest.mark.parametrize(
    "error",
    [
        DescentError("none of 3 conversations fits. Raise corpus.block."),
        SpecError("family.yaml", ["tiers: missing"]),
        GateError("mini missed a bound"),
        StageError("mini · start failed: ValueError: three is not four"),
        ValueError("three is not four"),
        FileNotFoundError("model.safetensors"),
        MemoryError(),
        answered(401),
        answered(404),
    ],
    ids=repr,
)
def test_what_would_only_happen_again_does_not_pass(error: Exception) -> None:
    assert not may_pass(error)


def raised(raising: Callable[[], None]) -> Exception:
    with pytest.raises(DescentError, match="cannot be opened") as caught:
        raising()
    return caught.value


def test_an_error_of_ours_passes_if_what_brought_it_about_does() -> None:
    def away() -> None:
        try:
            raise httpx.ConnectError("no route", request=REQUEST)
        except httpx.ConnectError as error:
            raise DescentError("flagship.source: it cannot be opened") from error

    def missing() -> None:
        try:
            raise FileNotFoundError("config.json")
        except FileNotFoundError as error:
            raise DescentError("flagship.source: it cannot be opened") from error

    assert may_pass(raised(away))
    assert not may_pass(raised(missing))


def test_what_was_raised_meanwhile_counts_unless_it_was_set_aside() -> None:
    def meanwhile() -> None:
        try:
            raise ConnectionResetError("reset")
        except ConnectionResetError:
            raise DescentError("it cannot be opened")  # noqa: B904

    def set_aside() -> None:
        try:
            raise ConnectionResetError("reset")
        except ConnectionResetError:
            raise DescentError("it cannot be opened") from None

    assert may_pass(raised(meanwhile))
    assert not may_pass(raised(set_aside))
