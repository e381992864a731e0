"""Which folder a store is in, and which URL is behind it."""

from pathlib import Path

import pytest

from family.remote.place import CACHE, located, place_of, remember


@pytest.mark.parametrize(
    ("written", "url"),
    [
        ("s3://bucket/family", "s3://bucket/family"),
        ("s3://bucket/family/", "s3://bucket/family"),
        (Path("s3://bucket/family"), "s3://bucket/family"),  # which drops a slash
        ("file:///srv/family", "file:///srv/family"),
        (Path("file:///srv/family"), "file:///srv/family"),
        ("memory://x", "memory://x"),
    ],
)
def test_a_url_has_a_folder_before_it(
    written: str | Path, url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(CACHE, str(tmp_path / "cache"))
    assert located(written) == (tmp_path / "cache", url)
    assert place_of(written) == url
    monkeypatch.delenv(CACHE)
    monkeypatch.chdir(tmp_path)
    assert located(written) == (tmp_path / ".descent", url)


@pytest.mark.parametrize("written", [".descent", "stores/s3", "/srv/store", "c:/store"])
def test_all_else_is_a_folder(written: str) -> None:
    assert located(written) == (Path(written).absolute(), None)
    assert place_of(written) == str(Path(written).absolute())


def test_a_folder_leads_to_the_url_that_it_stands_before(tmp_path: Path) -> None:
    remember(tmp_path, "s3://bucket/family")
    assert located(tmp_path) == (tmp_path, "s3://bucket/family")
    assert place_of(tmp_path) == "s3://bucket/family"
