"""Release notes of a family, from the index alone: the same records give the same bytes.

span       which two states of a family a range such as `1.0.0..1.1.0` means
gather     all that is to be said, as data; `Notes` is its shape, and what `--json` prints
fragments  what people wrote by hand
render     the data as Markdown, by a template that a team can replace, and as HTML
"""

from family.lineage.notes.gather import gather
from family.lineage.notes.render import markdown
from family.lineage.notes.span import previous
from family.lineage.queries import Lineage
from family.lineage.views import Status


def notes(lineage: Lineage, status: Status) -> str:
    """The notes of a family, now or in a release, against the release before; in Markdown."""
    return markdown(gather(lineage, status, previous(lineage, status)))
