"""Which errors may pass if the same is tried again a little later."""

from collections.abc import Iterator

from family.errors import DescentError

#: Answers of servers that are busy, or away for a moment.
PASSING = frozenset({408, 429, 500, 502, 503, 504})
#: Clients' errors for a network that is away, by package and name: none of them is imported here.
NETWORK = frozenset({"httpx.TransportError", "requests.ConnectionError", "requests.Timeout"})


def may_pass(error: BaseException) -> bool:
    """Whether the error, or one that brought it about, is of a network, a server or a lost worker.

    An error of ours says so itself, in `may_pass`, unless it came from one that does."""
    return any(_passes(one) for one in _chain(error))


def _passes(error: BaseException) -> bool:
    if isinstance(error, DescentError):
        return error.may_pass
    if isinstance(error, (ConnectionError, TimeoutError)):
        return True
    if getattr(getattr(error, "response", None), "status_code", None) in PASSING:
        return True
    return any(
        f"{kind.__module__.partition('.')[0]}.{kind.__name__}" in NETWORK
        for kind in type(error).__mro__
    )


def _chain(error: BaseException) -> Iterator[BaseException]:
    """The error, and those that brought it about."""
    found: BaseException | None = error
    while found:
        yield found
        found = found.__cause__ or (None if found.__suppress_context__ else found.__context__)
