"""When the next request may go out, and how long to wait before one is tried again."""

import asyncio
import random
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

#: Seconds: the first wait, and the longest.
FIRST_WAIT, LONGEST_WAIT = 0.5, 60.0


class Pace:
    """Lets requests go out one after another, at most so many in a minute."""

    def __init__(self, requests_per_minute: float | None) -> None:
        self._between = 60 / requests_per_minute if requests_per_minute else 0.0
        self._next = 0.0

    async def turn(self) -> None:
        """Return when the next request may go."""
        loop = asyncio.get_running_loop()
        while (wait := self._next - loop.time()) > 0:
            await asyncio.sleep(wait)
        self._next = loop.time() + self._between

    def hold(self, seconds: float) -> None:
        """Let none go for so long: the service asked for it."""
        self._next = max(self._next, asyncio.get_running_loop().time() + seconds)


def wait_before(attempt: int) -> float:
    """Seconds to wait before a request is tried for the `attempt`-th time again, from 1 on.

    Doubled each time, with half of it drawn at random, so that requests that failed together do
    not come back together."""
    longest = min(FIRST_WAIT * 2.0 ** (attempt - 1), LONGEST_WAIT)
    return random.uniform(longest / 2, longest)


def retry_after(header: str | None) -> float | None:
    """Seconds that a Retry-After header asks for, given as a number or as a date (RFC 9110)."""
    if header is None:
        return None
    try:
        return max(0.0, float(header))
    except ValueError:
        pass
    try:
        return max(0.0, (parsedate_to_datetime(header) - datetime.now(UTC)).total_seconds())
    except (ValueError, TypeError):  # a date without a zone, or none at all
        return None
