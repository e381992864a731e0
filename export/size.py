"""How large an exported folder is."""

from pathlib import Path

from family.evaluate.protocol import Protocol
from family.stage import Metric
from family.store import MANIFEST, OUTCOME


def megabytes(protocol: Protocol, folder: Path) -> Metric:
    """Megabytes that go onto a device: all files but the store's own records."""
    sizes = [
        path.stat().st_size
        for path in folder.rglob("*")
        if path.is_file() and path.name not in (MANIFEST, OUTCOME)
    ]
    return protocol.plain("megabytes", sum(sizes) / 1e6, len(sizes), "files")
