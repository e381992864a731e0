"""Where a store is: in a folder, or at a URL with a folder before it, which keeps what came by."""

import os
import re
from pathlib import Path
from urllib.parse import urlsplit

from family.errors import StoreError

#: Names the folder before a URL.
CACHE = "DESCENT_CACHE"
FOLDER = ".descent"
#: In a folder that stands before a URL: that URL.
BEHIND = "remote"
# A path holds a URL with one slash of its two.
_URL = re.compile(r"(?P<scheme>[a-z][a-z0-9+.-]+):/+(?P<rest>.*)")


def located(place: Path | str) -> tuple[Path, str | None]:
    """The folder of a store, and the URL behind it if there is one.

    A folder stands before one URL alone; StoreError if it is needed for another."""
    found = _URL.fullmatch(str(place))
    if not found:
        root = Path(place).absolute()
        return root, _behind(root)
    root = Path(os.environ.get(CACHE) or FOLDER).absolute()
    url, known = _written(**found.groupdict()), _behind(root)
    if known != url and (known or (root / "store.json").exists()):
        raise StoreError(
            f"{root}: this folder {f'stands before {known}' if known else 'is a store by itself'}, "
            f"and cannot keep what comes from {url}. Name one that can: {CACHE}=FOLDER"
        )
    return root, url


def place_of(place: Path | str) -> str:
    """What leads to the store from every machine that sees it: its URL, or else its folder."""
    root, url = located(place)
    return url or str(root)


def remember(root: Path, url: str) -> None:
    """Let the folder stand before the URL from now on."""
    (root / BEHIND).write_text(f"{url}\n")


def _behind(root: Path) -> str | None:
    try:
        return (root / BEHIND).read_text().strip()
    except (FileNotFoundError, NotADirectoryError):
        return None


def _written(scheme: str, rest: str) -> str:
    """The URL as it is recorded: with both slashes, and without one at its end."""
    url = f"{scheme}://{'/' if scheme == 'file' else ''}{rest.rstrip('/')}"
    if urlsplit(url).password:
        raise StoreError(
            f"The store's URL, {scheme}://..., holds a password, which would be recorded. Leave it "
            f"out: credentials are taken from the environment, or from the client's own files."
        )
    return url
