"""Takes the picture of the report that the README shows: its first screens, in Chromium.

descent report quickstart -o report.html
python docs/screenshot.py report.html docs/images/report.png
"""

import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
#: Pixels: the title, the models, the scorecard and the map.
SIZE = {"width": 1240, "height": 1540}


def main(report: Path, picture: Path) -> None:
    sys.path.insert(0, str(ROOT))
    from tests.browser import browser

    with browser() as found:
        page = found.new_page(viewport=SIZE)
        page.goto(report.resolve().as_uri())
        page.screenshot(path=picture)


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
