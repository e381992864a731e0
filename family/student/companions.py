"""The files of a model folder that its text goes through, on their way from model to model."""

import shutil
from pathlib import Path

from family.stage import COMPANIONS


def bring_companions(source: Path, out: Path) -> None:
    """Copy those that `out` lacks."""
    for name in COMPANIONS:
        if (source / name).exists() and not (out / name).exists():
            shutil.copyfile(source / name, out / name)
