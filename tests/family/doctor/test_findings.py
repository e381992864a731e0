"""Findings say what mends them."""

import pytest
from pydantic import ValidationError

from family.doctor.findings import Area, checkup
from family.errors import StoreError

STORE = Area("store")


def test_what_ails_cannot_be_told_without_a_fix() -> None:
    with pytest.raises(ValidationError, match="store place says no fix"):
        STORE.warn("place", "it is a ruin", "")


def test_an_error_becomes_what_was_found_and_what_mends_it() -> None:
    error = StoreError("/x/store.json: it has format 2,\n and 1 is known. Upgrade it. Or leave it.")
    found = STORE.refused("place", error)
    assert found.found == "/x/store.json: it has format 2, and 1 is known"
    assert found.fix == "Upgrade it. Or leave it."


def test_a_checkup_counts_what_is_to_be_mended_and_what_is_to_be_looked_at() -> None:
    good, odd = STORE.ok("lock", "free"), STORE.warn("scratch", "half-done", "rm")
    bad = STORE.fail("place", "a ruin", "build")
    found = checkup(good, odd, bad, bad)
    assert (found.failed, found.warned) == (2, 1)
