"""The packages that only releases need."""

from collections.abc import Iterator
from contextlib import contextmanager

from family.errors import DescentError


def check_installed() -> None:
    """Say at once that a release cannot be made here, not when half of it is."""
    with needed_for("Releases"):
        import cyclonedx.model  # noqa: F401
        import in_toto_attestation.v1.statement  # noqa: F401


@contextmanager
def needed_for(what: str) -> Iterator[None]:
    """Say how to install what an import lacks."""
    try:
        yield
    except ModuleNotFoundError as error:
        raise DescentError(
            f"{what} need packages that are not installed ({error.name}). "
            f"Run: pip install 'descent-family[release]'"
        ) from error
