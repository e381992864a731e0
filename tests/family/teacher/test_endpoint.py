"""Answers of a service that is slow, busy, broken or not there, over real HTTP."""

import time
from pathlib import Path

import pytest

from family.errors import DescentError
from family.spec import EndpointResponses, Prices
from family.stage import Outcome
from family.teacher import endpoint_pace
from family.teacher.endpoint_answers import JOURNAL, fetch, read
from tests.family.teacher.service import Answer, Service, fault, said, serving

KEY = "sk-secret-0123456789"
ASKED = [("train", "one"), ("train", "two"), ("train", "three"), ("held_out", "four")]


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(endpoint_pace, "FIRST_WAIT", 0.01)
    monkeypatch.setenv("SERVICE_KEY", KEY)


def settings(service: Service, **changes: object) -> EndpointResponses:
    asked = {"kind": "endpoint", "url": service.url, "model": "small", "licence": "Apache-2.0"}
    return EndpointResponses.model_validate(
        {**asked, "key_env": "SERVICE_KEY", "retries": 3, **changes}
    )


def ask(service: Service, out: Path, **changes: object) -> Outcome:
    return fetch(ASKED, settings(service, **changes), out)


def answers(out: Path) -> dict[str, str]:
    files = [out / f"{name}.jsonl" for name in ("train", "held_out")]
    rows = [read(line) for path in files for line in path.open()]
    return {prompt: reply.answer for prompt, reply in rows}


def refusal(service: Service, out: Path, **changes: object) -> DescentError:
    with pytest.raises(DescentError, match="small at 127") as caught:
        ask(service, out, **changes)
    assert KEY not in str(caught.value)
    return caught.value


def test_every_prompt_is_answered_once_and_tokens_and_costs_are_counted(tmp_path: Path) -> None:
    prices = Prices(input_per_million=1000, output_per_million=5000)
    with serving(lambda prompt, before: said(f"{prompt}!")) as service:
        outcome = ask(service, tmp_path, prices=prices, seed=7)
    assert answers(tmp_path) == {prompt: f"{prompt}!" for _, prompt in ASKED}
    assert set(service.asked.values()) == {1}
    assert service.keys == {f"Bearer {KEY}"}
    assert service.bodies[0] == {
        "model": "small",
        "messages": [{"role": "user", "content": service.bodies[0]["messages"][0]["content"]}],
        "max_tokens": 256,
        "temperature": 0.0,
        "seed": 7,
    }
    assert outcome.dataset
    assert (outcome.dataset.train, outcome.dataset.held_out) == (3, 1)
    assert outcome.facts == {
        "requests": 4,
        "tried_again": 0,
        "input_tokens": 40,
        "answer_tokens": 16,
        "refused": 0,
        "cut": 0,
        "cost": 0.12,
        "currency": "USD",
    }
    assert not any(KEY in path.read_text() for path in tmp_path.iterdir())


@pytest.mark.parametrize(
    "first",
    [
        fault(500, "oops"),
        fault(429, "slow down", Retry_After="0"),
        (503, {"Content-Type": "text/html"}, b"<html>Bad gateway</html>"),
        (200, {}, b'{"choices": [{"mess'),
        None,
    ],
    ids=["500", "429", "a gateway's page", "half a body", "a cut connection"],
)
def test_what_may_pass_is_asked_again(first: Answer | None, tmp_path: Path) -> None:
    def answer(prompt: str, before: int) -> Answer | None:
        return said(prompt) if before or prompt != "two" else first

    with serving(answer) as service:
        outcome = ask(service, tmp_path)
    assert len(answers(tmp_path)) == 4
    assert service.asked == {"one": 1, "two": 2, "three": 1, "four": 1}
    assert outcome.facts["tried_again"] == 1


def test_what_does_not_pass_stops_the_build_and_may_be_tried_later(tmp_path: Path) -> None:
    with serving(lambda prompt, before: fault(500, f"no room, {KEY}")) as service:
        error = refusal(service, tmp_path, concurrency=1, retries=2)
    assert "failed 3 times in a row, last with 500: no room, ***" in str(error)
    assert error.may_pass
    assert service.asked == {"one": 3}


def test_a_service_that_is_gone_is_told_as_such(tmp_path: Path) -> None:
    with serving(lambda prompt, before: None) as service:
        pass
    error = refusal(service, tmp_path, retries=1)
    assert "failed 2 times in a row, last with ConnectError" in str(error)
    assert error.may_pass


@pytest.mark.parametrize("status", [401, 403])
def test_a_refused_key_stops_at_once_and_names_its_variable(status: int, tmp_path: Path) -> None:
    with serving(lambda prompt, before: fault(status, f"Incorrect API key: {KEY}")) as service:
        error = refusal(service, tmp_path, concurrency=1)
        assert "the key in SERVICE_KEY" in str(error)
        assert not error.may_pass
        assert service.asked == {"one": 1}
        missing = refusal(service, tmp_path, key_env=None)
    assert "name that in responses.key_env" in str(missing)


def test_a_key_that_is_not_set_is_told_before_anything_is_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SERVICE_KEY")
    with (
        serving(lambda prompt, before: said(prompt)) as service,
        pytest.raises(DescentError, match=r"^responses.key_env: SERVICE_KEY is not set"),
    ):
        ask(service, tmp_path)
    assert not service.asked


@pytest.mark.parametrize("key", [f"{KEY}\nexport OTHER=1", f"{KEY} two", f"{KEY}\N{EN DASH}"])
def test_a_key_that_no_header_can_hold_is_told_without_it(
    key: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SERVICE_KEY", key)
    with (
        serving(lambda prompt, before: said(prompt)) as service,
        pytest.raises(DescentError, match="SERVICE_KEY holds more than one word") as caught,
    ):
        ask(service, tmp_path)
    assert KEY not in str(caught.value)


def test_an_unknown_model_is_told_with_those_that_there_are(tmp_path: Path) -> None:
    with serving(lambda prompt, before: fault(404, code="model_not_found")) as service:
        error = refusal(service, tmp_path)
        assert "does not know the model `small`; did you mean `small`?" in str(error)
        service.models = ["huge"]
        assert "it has `huge`." in str(refusal(service, tmp_path))


def test_a_page_instead_of_json_stops_at_once(tmp_path: Path) -> None:
    page = (200, {"Content-Type": "text/html"}, b"<html>Sign in to Example</html>")
    with serving(lambda prompt, before: page) as service:
        error = refusal(service, tmp_path, concurrency=1)
    assert "a web page, not with JSON: <html>Sign in to Example</html>" in str(error)
    assert service.asked == {"one": 1}


def test_a_request_that_the_service_does_not_take_is_told_in_its_words(tmp_path: Path) -> None:
    with serving(lambda prompt, before: fault(400, "temperature must be 1")) as service:
        error = refusal(service, tmp_path, concurrency=1)
    assert "(400): temperature must be 1" in str(error)
    assert service.asked == {"one": 1}


def test_an_empty_account_is_not_asked_again(tmp_path: Path) -> None:
    with serving(lambda prompt, before: fault(429, "pay", "insufficient_quota")) as service:
        error = refusal(service, tmp_path, concurrency=1)
    assert not error.may_pass
    assert service.asked == {"one": 1}


def test_a_prompt_that_the_service_will_not_answer_is_counted_and_left(tmp_path: Path) -> None:
    def answer(prompt: str, before: int) -> Answer:
        return fault(400, "no", "content_filter") if prompt == "two" else said(prompt, "length")

    with serving(answer) as service:
        facts = ask(service, tmp_path).facts
    assert (facts["refused"], facts["cut"]) == (1, 3)


def test_the_limit_goes_by_its_newer_name_where_the_service_wants_that(tmp_path: Path) -> None:
    def answer(prompt: str, before: int) -> Answer:
        if "max_tokens" in service.bodies[-1]:
            return fault(400, "'max_tokens' is not known. Use 'max_completion_tokens' instead.")
        return said(prompt)

    with serving(answer) as service:
        ask(service, tmp_path, concurrency=1)
    assert [("max_completion_tokens" in body) for body in service.bodies] == [False, *[True] * 4]


def test_answers_that_are_there_are_not_asked_for_again(tmp_path: Path) -> None:
    def breaks(prompt: str, before: int) -> Answer:
        return fault(401) if prompt == "three" else said(prompt)

    with serving(breaks) as service:
        refusal(service, tmp_path, concurrency=1)
        journal = tmp_path / JOURNAL
        assert len(journal.read_text().splitlines()) == 2
        with journal.open("a") as file:
            file.write('{"prompt": "three", "answ')  # cut off by a kill
        service.answer = lambda prompt, before: said(prompt)
        outcome = ask(service, tmp_path)
    assert service.asked == {"one": 1, "two": 1, "three": 2, "four": 1}
    assert answers(tmp_path) == {prompt: prompt for _, prompt in ASKED}
    assert outcome.facts["requests"] == 4
    assert not journal.exists()


def test_no_more_than_so_many_are_asked_at_a_time(tmp_path: Path) -> None:
    def slow(prompt: str, before: int) -> Answer:
        time.sleep(0.05)
        return said(prompt)

    with serving(slow) as service:
        ask(service, tmp_path, concurrency=2)
    assert service.most_at_once == 2


def test_requests_keep_to_their_rate_and_wait_where_the_service_says_so(tmp_path: Path) -> None:
    def answer(prompt: str, before: int) -> Answer:
        if prompt == "one" and not before:
            return fault(429, "later", Retry_After="0.3")
        return said(prompt)

    with serving(answer) as service:
        began = time.monotonic()
        ask(service, tmp_path, concurrency=4, requests_per_minute=1200)
        took = time.monotonic() - began
    assert took > 0.3  # nobody goes before the time is up
    (tmp_path / "again").mkdir()
    with serving(lambda prompt, before: said(prompt)) as service:
        began = time.monotonic()
        ask(service, tmp_path / "again", concurrency=4, requests_per_minute=600)
    assert time.monotonic() - began > 0.3  # three gaps of a tenth of a second


def test_waits_double_and_differ() -> None:
    waits = [endpoint_pace.wait_before(attempt) for attempt in range(1, 30)]
    assert all(0.005 <= wait <= 60 for wait in waits)
    assert waits[2] > waits[0]
    assert max(waits[-5:]) > 30
    assert len({endpoint_pace.wait_before(3) for _ in range(9)}) > 1


@pytest.mark.parametrize(
    ("header", "seconds"),
    [("2.5", 2.5), ("Wed, 21 Oct 2015 07:28:00 GMT", 0.0), ("soon", None), (None, None)],
)
def test_a_service_says_how_long_in_seconds_or_as_a_date(
    header: str | None, seconds: float | None
) -> None:
    assert endpoint_pace.retry_after(header) == seconds
