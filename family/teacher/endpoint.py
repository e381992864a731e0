"""A client of OpenAI-compatible chat completions: one prompt in, one answer out.

What may pass is tried again; what cannot is told with its fix. The key goes into one header and
nowhere else: whatever the service says is searched for it before it is told.
"""

import asyncio
import os
import re
from difflib import get_close_matches
from typing import Any, NoReturn

import httpx
from pydantic import Field

from family.errors import DescentError
from family.passing import PASSING
from family.spec import EndpointResponses
from family.stage import Settings
from family.teacher.endpoint_pace import Pace, retry_after, wait_before

#: Codes by which services refuse one prompt, whatever else is asked.
REFUSED = frozenset({"content_filter", "content_policy_violation", "context_length_exceeded"})
#: 425 and those of gateways before the service, beside what may pass anywhere.
AGAIN = PASSING | {425, 520, 522, 524, 529}
SHOWN = 200


class Reply(Settings):
    """What came back for one prompt."""

    answer: str
    cut: bool = Field(False, description="Whether the limit on tokens ended it.")
    refused: bool = Field(False, description="Whether the service would not answer this prompt.")
    read: int | None = Field(None, description="Tokens of the request, as the service counts.")
    written: int | None = Field(None, description="Tokens of the answer, likewise.")
    tries: int = Field(1, description="Requests that it took.")


class PassingError(Exception):
    """A fault that may pass; `wait` is how long the service asks to be left alone."""

    def __init__(self, what: str, wait: float | None = None) -> None:
        super().__init__(what)
        self.wait = wait


class Endpoint:
    """A service that is open for questions; an async context."""

    def __init__(self, settings: EndpointResponses) -> None:
        self._settings = settings
        self._key = _key(settings.key_env)
        self._pace = Pace(settings.requests_per_minute)
        # Newer models of OpenAI's take this limit by another name, and refuse the old one.
        self._limit = "max_tokens"
        headers = {"Authorization": f"Bearer {self._key}"} if self._key else {}
        self._http = httpx.AsyncClient(
            headers=headers,
            timeout=settings.timeout,
            limits=httpx.Limits(max_connections=settings.concurrency),
        )

    async def __aenter__(self) -> "Endpoint":
        return self

    async def __aexit__(self, *error: object) -> None:
        await self._http.aclose()

    async def ask(self, prompt: str) -> Reply:
        """The service's answer. Raises DescentError once it is clear that none will come."""
        tries = 0
        while True:
            await self._pace.turn()
            tries += 1
            try:
                return (await self._once(prompt)).model_copy(update={"tries": tries})
            except (PassingError, httpx.TransportError) as error:
                if tries > self._settings.retries:
                    self._give_up(error, tries)
                if asked := getattr(error, "wait", None):
                    self._pace.hold(asked)
                await asyncio.sleep(wait_before(tries))

    async def _once(self, prompt: str) -> Reply:
        settings = self._settings
        asked: dict[str, Any] = {
            "model": settings.model,
            "messages": [{"role": "user", "content": prompt}],
            self._limit: settings.max_tokens,
        }
        for name in ("temperature", "seed"):
            if (value := getattr(settings, name)) is not None:
                asked[name] = value
        response = await self._http.post(f"{settings.url}/chat/completions", json=asked)
        if response.status_code == 200:
            return self._reply(response)
        return await self._fault(response)

    def _reply(self, response: httpx.Response) -> Reply:
        if _is_page(response):
            self._stop(
                f"answered with a web page, not with JSON: {self._start(response)}. Some proxy or "
                "login stands before it, or responses.url is not that of its API (it often ends in "
                "`/v1`)."
            )
        try:
            body = response.json()
            choice = body["choices"][0]
            answer = choice["message"]["content"]
            used = body.get("usage") or {}
            why = choice.get("finish_reason")
            return Reply(
                answer=answer or "",
                cut=why == "length",
                refused=why == "content_filter" or bool(choice["message"].get("refusal")),
                read=used.get("prompt_tokens"),
                written=used.get("completion_tokens"),
            )
        except (ValueError, LookupError, TypeError, AttributeError):
            raise PassingError(f"half an answer: {self._start(response)}") from None

    async def _fault(self, response: httpx.Response) -> Reply:
        """What to make of an answer that is none: a reply only if this prompt alone is refused."""
        status, (said, code) = response.status_code, self._said(response)
        settings = self._settings
        if status in (401, 403):
            self._stop_at_key(status)
        if code == "insufficient_quota" or status == 402:
            self._stop(f"takes no more requests on this account ({status}): {said}. Pay, and go on")
        if status in AGAIN:
            raise PassingError(
                f"{status}: {said}" if said else str(status),
                retry_after(response.headers.get("retry-after")),
            )
        if code in REFUSED:
            return Reply(answer="", refused=True)
        if self._limit in said and "max_completion_tokens" in said:
            self._limit = "max_completion_tokens"
            raise PassingError(said)
        if status == 404 or code == "model_not_found":
            await self._stop_at_model(said)
        if response.is_redirect:
            self._stop(
                f"has moved to {response.headers.get('location')}. Name that in responses.url"
            )
        self._stop(
            f"refuses what it is asked ({status}): {said}. If it knows a parameter by no such "
            f"name or value, change it in responses (temperature {settings.temperature}, seed "
            f"{settings.seed}, max_tokens {settings.max_tokens})"
        )

    # ---- what is told ----------------------------------------------------------------------

    def _give_up(self, error: Exception, tries: int) -> NoReturn:
        what = str(error) if isinstance(error, PassingError) else f"{type(error).__name__} {error}"
        fault = DescentError(
            f"{self._settings.service} failed {tries} times in a row, last with {what.strip()}. "
            "The answers that it gave are kept: the same command goes on from there. "
            "responses.retries says how long to be patient."
        )
        fault.may_pass = True
        raise fault

    def _stop(self, what: str) -> NoReturn:
        raise DescentError(f"{self._settings.service} {what.removesuffix('.')}.")

    def _stop_at_key(self, status: int) -> NoReturn:
        name = self._settings.key_env
        if name is None:
            self._stop(
                f"wants a key ({status}). Put it into an environment variable, and name that in "
                "responses.key_env"
            )
        what = "does not accept" if status == 401 else "allows nothing of this to"
        self._stop(f"{what} the key in {name} ({status}). Put one into {name} that may use it")

    async def _stop_at_model(self, said: str) -> NoReturn:
        known = await self._models()
        if known is None:
            self._stop(
                f"has no chat completions at {self._settings.url}/chat/completions (404). "
                "responses.url often ends in `/v1`"
            )
        near = get_close_matches(self._settings.model, known, n=1)
        hint = f"did you mean `{near[0]}`?" if near else f"it has {_listed(known)}."
        self._stop(f"does not know the model `{self._settings.model}`; {hint} {said}".strip())

    async def _models(self) -> list[str] | None:
        """The models that the service lists; None if it lists none."""
        try:
            response = await self._http.get(f"{self._settings.url}/models")
            return [str(one["id"]) for one in response.json()["data"]]
        except (httpx.HTTPError, ValueError, LookupError, TypeError):
            return None

    def _said(self, response: httpx.Response) -> tuple[str, str | None]:
        """The service's own words about a fault, without the key, and its code for it."""
        try:
            body = response.json()
            fault = body.get("error", body)
            if isinstance(fault, str):
                return self._shown(fault), None
            told = fault.get("message") or fault.get("detail") or ""
            return self._shown(str(told)), fault.get("code") or fault.get("type")
        except (ValueError, AttributeError):
            return self._start(response), None

    def _start(self, response: httpx.Response) -> str:
        return self._shown(response.text) or "nothing"

    def _shown(self, text: str) -> str:
        if self._key:
            text = text.replace(self._key, "***")
        text = " ".join(text.split())
        return text if len(text) <= SHOWN else f"{text[:SHOWN]}..."


def _key(name: str | None) -> str | None:
    if name is None:
        return None
    key = os.environ.get(name, "").strip()
    if re.fullmatch(r"[!-~]+", key):  # whatever else it held would stand in httpx's own errors
        return key
    found = "holds more than one word of plain letters" if key else "is not set"
    raise DescentError(
        f"responses.key_env: {name} {found} where the answers are fetched. Set it to the "
        "service's key, and run the same command again."
    )


def _is_page(response: httpx.Response) -> bool:
    html = "html" in response.headers.get("content-type", "")
    return html or response.text.lstrip()[:1] == "<"


def _listed(names: list[str]) -> str:
    some = ", ".join(f"`{name}`" for name in names[:10])
    return f"{some} and {len(names) - 10} more" if len(names) > 10 else some or "none"
