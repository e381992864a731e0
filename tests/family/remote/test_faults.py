"""A store at a URL that cannot be used: where, what was found, and the fix."""

import sys
from collections.abc import Callable
from pathlib import Path
from uuid import uuid4

import pytest
from fsspec.registry import _registry

from family.errors import StoreError
from family.lineage.follow import follow
from family.store import Store
from tests import toys
from tests.conftest import S3_SECRET
from tests.s3 import Server

Worker = Callable[[str, str], Store]


def test_a_server_that_does_not_answer(
    s3_server: Server, worker: Worker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    with pytest.raises(StoreError, match=r"^s3://bucket/x: no answer: .*127\.0\.0\.1:9") as error:
        worker("first", "s3://bucket/x")
    assert error.value.may_pass
    assert "Look at the network and, if the service is not Amazon's, at AWS_ENDPOINT_URL" in str(
        error.value
    )
    assert not (tmp_path / "first").exists()  # so the same folder may be used for another URL


def test_a_server_that_goes_away_keeps_what_was_sealed(
    bucket: str, worker: Worker, s3_server: Server
) -> None:
    first = worker("first", bucket)
    s3_server.refuse = lambda method, path: True
    with pytest.raises(StoreError, match=r"Service Unavailable|no answer") as error:
        toys.make_one(first)
    assert error.value.may_pass
    s3_server.forget()
    assert toys.make_one(first).how == "built"


def test_a_bucket_that_is_not_there(s3_server: Server, worker: Worker) -> None:
    url = f"s3://bucket-{uuid4().hex}/x"
    told = r"The specified bucket does not exist\. Make it, or mend the URL"
    with pytest.raises(StoreError, match=told) as error:
        worker("first", url)
    assert str(error.value).startswith(f"{url}: ")
    assert not error.value.may_pass


def test_no_credentials(
    bucket: str, worker: Worker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    toys.make_one(first := worker("first", bucket))
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))
    told = r"there are no credentials for it: .* Set AWS_PROFILE, or AWS_ACCESS_KEY_ID and"
    for use in (lambda: worker("second", bucket), lambda: follow(Store(first.root))):
        with pytest.raises(StoreError, match=told):
            use()


def test_credentials_that_are_refused(bucket: str, worker: Worker, s3_server: Server) -> None:
    first = worker("first", bucket)
    s3_server.forbid = lambda method, path: method == "PUT"
    with pytest.raises(StoreError, match=r"is refused to your credentials: .* Set AWS_PROFILE"):
        toys.make_one(first)
    with pytest.raises(StoreError) as error:
        toys.make_one(first)
    assert S3_SECRET not in str(error.value)


def test_a_package_that_is_not_installed(worker: Worker, monkeypatch: pytest.MonkeyPatch) -> None:
    for package, scheme in (("s3fs", "s3"), ("gcsfs", "gs")):
        monkeypatch.setitem(sys.modules, package, None)
        monkeypatch.delitem(_registry, scheme, raising=False)  # of other tests
    for url, extra in (("s3://bucket/x", "s3"), ("gs://bucket/x", "gcs")):
        with pytest.raises(StoreError, match=rf"pip install 'descent-family\[{extra}\]'"):
            worker("first", url)


def test_a_scheme_that_nobody_knows(worker: Worker) -> None:
    with pytest.raises(StoreError, match=r"^sss://x: fsspec knows no sss://\. Use s3://, gs://"):
        worker("first", "sss://x")


def test_a_password_in_the_url_is_refused_and_not_repeated(worker: Worker) -> None:
    with pytest.raises(StoreError, match="holds a password, which would be recorded") as error:
        worker("first", f"s3://ada:{S3_SECRET}@bucket/x")
    assert S3_SECRET not in str(error.value)
