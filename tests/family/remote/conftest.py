"""Each kind of URL that can be tried here."""

from pathlib import Path
from uuid import uuid4

import pytest


@pytest.fixture
def anywhere() -> str:
    """A URL at which nothing is yet."""
    return f"memory://{uuid4().hex}"


@pytest.fixture(params=["s3", "file", "memory"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Where nothing is yet, by each kind of URL."""
    if request.param == "file":
        return f"file://{tmp_path / 'remote'}"
    if request.param == "memory":
        return f"memory://{uuid4().hex}"
    found: str = request.getfixturevalue("bucket")
    return found
