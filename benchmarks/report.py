"""docs/BENCHMARKS.md, one generated section per benchmark."""

import os
import platform
import re
import time
from collections.abc import Callable
from pathlib import Path

PATH = Path(__file__).parent.parent / "docs" / "BENCHMARKS.md"
HEAD = "# Benchmarks\n\nEvery section is written by the command that is named in it.\n"


def machine() -> str:
    """Where figures were taken."""
    return f"Taken on {os.cpu_count()} cores of {platform.machine()}, no GPU."


def timed(act: Callable[[], object]) -> float:
    """Seconds that something takes."""
    began = time.monotonic()
    act()
    return time.monotonic() - began


def write_section(title: str, command: str, body: str) -> None:
    """Put a section into the file, in place of the one of the same title."""
    text = PATH.read_text() if PATH.exists() else HEAD
    section = f"\n## {title}\n\n`{command} --write`\n\n{body}\n"
    pattern = re.compile(rf"\n## {re.escape(title)}\n.*?(?=\n## |\Z)", re.DOTALL)
    text = pattern.sub(lambda _: section, text) if pattern.search(text) else text + section
    PATH.write_text(text)
