"""Which two states of a family a range means."""

import pytest

from family.errors import DescentError, NotFoundError
from family.lineage.notes.span import span
from family.lineage.queries import Lineage


@pytest.mark.parametrize(
    ("family", "text", "versions"),
    [
        (None, None, (None, "1.1.0")),
        ("toy", None, (None, "1.1.0")),
        ("toy", "1.0.0..1.1.0", ("1.1.0", "1.0.0")),
        ("1.0.0..1.1.0", None, ("1.1.0", "1.0.0")),
        ("toy", "1.1.0", ("1.1.0", "1.0.0")),
        ("1.1.0", None, ("1.1.0", "1.0.0")),
        ("toy", "1.0.0", ("1.0.0", None)),
        ("toy", "1.0.0..", (None, "1.0.0")),
        ("toy", "1.0.0..candidate", ("1.1.0", "1.0.0")),
        ("candidate", None, ("1.1.0", "1.0.0")),
    ],
)
def test_a_range_says_from_where_to_where(
    twice: Lineage,
    family: str | None,
    text: str | None,
    versions: tuple[str | None, str | None],
) -> None:
    after, before = span(twice, family, text)
    assert (after.version, before.version if before else None) == versions


def test_a_version_that_is_not_there_lists_those_that_are(twice: Lineage) -> None:
    with pytest.raises(NotFoundError, match=r"toy has no release 1\.0\.1\. Did you mean 1\.0\.0\?"):
        span(twice, "toy", "1.0.1..1.1.0")


def test_a_word_that_is_neither_family_nor_version_is_told_of_as_a_family(twice: Lineage) -> None:
    with pytest.raises(NotFoundError, match=r"toi: there is no such family\. Did you mean toy\?"):
        span(twice, "toi")


def test_a_range_without_a_beginning_is_refused(twice: Lineage) -> None:
    with pytest.raises(DescentError, match=r"\.\.1\.1\.0 does not say where it begins"):
        span(twice, "toy", "..1.1.0")
