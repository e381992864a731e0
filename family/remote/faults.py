"""What went wrong at a URL, and how to go on.

Clients have errors of their own. They are told apart by the names of their classes, so that none of
them is imported here.
"""

import errno
from collections.abc import Iterator
from contextlib import contextmanager

from family.errors import StoreError

S3 = frozenset({"s3", "s3a"})
GOOGLE = frozenset({"gs", "gcs"})
NO_CREDENTIALS = frozenset(
    {
        "NoCredentialsError",
        "PartialCredentialsError",
        "ProfileNotFound",
        "TokenRetrievalError",
        "DefaultCredentialsError",
    }
)
NO_ANSWER = frozenset(
    {
        "ConnectionError",
        "TimeoutError",
        "HTTPClientError",
        "ClientConnectionError",
        "ClientPayloadError",
        "gaierror",
    }
)
BUSY = frozenset({errno.EREMOTEIO, errno.EBUSY})
FULL = frozenset({errno.ENOSPC, errno.EDQUOT})


@contextmanager
def faults(url: str, name: str) -> Iterator[None]:
    """Turn what goes wrong with a file at a URL into a StoreError."""
    try:
        yield
    except StoreError:
        raise
    except Exception as error:
        if getattr(error, "errno", None) in FULL:
            raise  # a disk, which the store has words for
        raise _told(url, name, error) from error


def _told(url: str, name: str, error: Exception) -> StoreError:
    scheme, found = url.partition("://")[0], kinds(error)
    said = str(error).strip().rstrip(".") or type(error).__name__
    away = bool(found & NO_ANSWER) or getattr(error, "errno", None) in BUSY
    if isinstance(error, ImportError):
        what = f"{said}. Run: pip install {_package(scheme)}"
    elif isinstance(error, ValueError) and "Protocol not known" in said:
        what = f"fsspec knows no {scheme}://. Use s3://, gs://, file:// or another that it knows."
    elif found & NO_CREDENTIALS:
        what = f"there are no credentials for it: {said}. {_credentials(scheme)}"
    elif isinstance(error, PermissionError):
        what = f"{name} is refused to your credentials: {said}. {_credentials(scheme)}"
    elif isinstance(error, FileNotFoundError):
        what = f"{said}. Make it, or mend the URL."
    elif away:
        what = (
            f"no answer: {said}. Look at the network{_address(scheme)}, and run the same command "
            f"again. What was sealed here is kept."
        )
    else:
        what = f"{name}: {type(error).__name__}: {said}"
    told = StoreError(f"{url}: {what}")
    told.may_pass = away
    return told


def _package(scheme: str) -> str:
    extra = "s3" if scheme in S3 else "gcs" if scheme in GOOGLE else None
    return f"'descent-family[{extra}]'" if extra else "what it asks for"


def _credentials(scheme: str) -> str:
    if scheme in S3:
        return "Set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY."
    if scheme in GOOGLE:
        return "Run: gcloud auth application-default login"
    return "Give its client credentials that may read and write there."


def _address(scheme: str) -> str:
    return " and, if the service is not Amazon's, at AWS_ENDPOINT_URL" if scheme in S3 else ""


def kinds(error: BaseException) -> frozenset[str]:
    """The names of an error's classes, and of those of the errors that brought it about."""
    found: set[str] = set()
    one: BaseException | None = error
    while one:
        found |= {kind.__name__ for kind in type(one).__mro__}
        one = one.__cause__ or one.__context__
    return frozenset(found)
