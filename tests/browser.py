"""A real browser without a screen, for the tests that look at pages."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from playwright.sync_api import Browser

CHROMIUM = shutil.which("chromium") or "/usr/bin/chromium"
ARGUMENTS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
)


def missing() -> str:
    """What has to be installed for it; empty if nothing has."""
    return "" if Path(CHROMIUM).exists() else "Chromium is not installed: apt install chromium"


@contextmanager
def browser() -> "Iterator[Browser]":
    """Chromium, with an empty profile that is gone with it."""
    from playwright.sync_api import sync_playwright

    with tempfile.TemporaryDirectory(prefix="descent-chromium-") as home, sync_playwright() as play:
        found = play.chromium.launch(
            executable_path=CHROMIUM, args=list(ARGUMENTS), env={"HOME": home}
        )
        yield found
        found.close()
