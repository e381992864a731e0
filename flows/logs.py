"""What a stage's own process writes, in Prefect's log.

transformers, the trainer and the exporters write into one file per artifact. Figures and warnings
are passed on, bars of progress are left out, and all else is there at DEBUG. `StageLog` reads the
file as it grows: no thread, and nothing stands between the stage and its log.
"""

import logging
import re
import time
from ast import literal_eval
from pathlib import Path

#: What tqdm draws: `Loading weights: 100%|████| 38/38`.
BAR = re.compile(r"\d+%\|")
#: The Trainer's figures: `{'loss': '1.803', 'learning_rate': '0.001'}`.
FIGURES = re.compile(r"\{'\w+': .*\}$")
WARNING = re.compile(r"\b(?:WARN|WARNING|ERROR|CRITICAL|FATAL|\w*Warning|\w*Error)\b")
STAMP = re.compile(r"^[\d-]{10}[ T][\d:.,]+ ")
LAST = 20
"""How many lines of a failed stage's log are shown."""


class StageLog:
    """Passes on what one stage writes."""

    def __init__(self, path: Path, log: "logging.Logger | logging.LoggerAdapter[logging.Logger]"):
        self._path, self._log = path, log
        self._before = self._state()  # of an earlier run, until the file is written anew
        self._read, self._rest = 0, ""
        self._said: set[str] = set()
        self._due = 0.0

    def follow(self, every: float = 5.0) -> None:
        """Pass on what is new, if the last time was a while ago."""
        if (now := time.monotonic()) >= self._due:
            self._due = now + every
            self._pass_on(self._new())

    def end(self) -> None:
        """Pass on what is left."""
        self._pass_on([*self._new(), self._rest])

    def fail(self) -> None:
        """Show the last lines: what led to a failure stands there."""
        self.end()
        if self._state() != self._before:
            lines = _lines(self._path.read_text(errors="replace"))
            if last := [line for line in lines if line.strip() and not BAR.search(line)][-LAST:]:
                self._log.error("The last lines of %s:\n%s", self._path, "\n".join(last))

    def _state(self) -> tuple[int, int] | None:
        if not self._path.exists():
            return None
        now = self._path.stat()
        return now.st_mtime_ns, now.st_size

    def _new(self) -> list[str]:
        """The whole lines that were written since the last look."""
        if self._state() == self._before:
            return []
        with self._path.open("rb") as file:
            file.seek(self._read)
            found = file.read()
        self._read += len(found)
        *lines, self._rest = _lines(self._rest + found.decode(errors="replace"))
        return lines

    def _pass_on(self, lines: list[str]) -> None:
        """Of the figures only the newest: a long training writes more than anybody reads."""
        lines = [line.rstrip() for line in lines if line.strip() and not BAR.search(line)]
        figures = [line for line in lines if FIGURES.match(line)]
        for line in lines:
            if line in figures:
                newest = line == figures[-1]
                self._log.log(logging.INFO if newest else logging.DEBUG, "%s", _told(line))
            else:
                self._log.log(self._level(line), "%s", line)

    def _level(self, line: str) -> int:
        """WARNING for a complaint that is new. It is no ERROR unless the stage fails by it."""
        said = STAMP.sub("", line)
        if line[0].isspace() or said in self._said or not WARNING.search(said):
            return logging.DEBUG
        self._said.add(said)
        return logging.WARNING


def _lines(text: str) -> list[str]:
    return re.split(r"[\r\n]", text)


def _told(figures: str) -> str:
    """`loss 1.803, learning rate 0.001`."""
    try:
        found = literal_eval(figures)
    except (SyntaxError, ValueError):
        return figures
    return ", ".join(f"{str(name).replace('_', ' ')} {value}" for name, value in found.items())
