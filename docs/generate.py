"""Writes the references that would drift if they were kept by hand.

python docs/generate.py            writes docs/settings.md, cli.md, json.md and SCALE.md
python docs/generate.py --check    writes nothing; exits 1 and names each file that is stale
"""

import inspect
import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import click
from pydantic import JsonValue, TypeAdapter

from family.doctor.findings import Checkup
from family.estimate import PlanReport
from family.ledger import Decision
from family.lineage.card import Card
from family.lineage.changes import Diff, Why
from family.lineage.graph import Graph
from family.lineage.licences import Licences
from family.lineage.notes.data import Notes
from family.lineage.points import Point
from family.lineage.released import ReleaseView
from family.lineage.report import Report
from family.lineage.scorecard import Scorecard
from family.lineage.stale import Stale
from family.lineage.timeline import Timeline
from family.lineage.views import Contained, LineageEdge, ModelCard, Reindexed, Status
from family.load import load
from family.release.signing import Signed
from family.release.verify import Verified
from family.scale.page import page
from family.scale.report import ScaledPlan
from family.spec import FamilySpec
from family.sweep import Swept
from flows.cli.main import cli
from flows.cli.plan import plan_on_paper

DOCS = Path(__file__).parent
NOTICE = "<!-- Written by `python docs/generate.py`; change the source, not this file. -->"

Schema = Mapping[str, Any]


# ---- settings.md ---------------------------------------------------------------------------

SETTINGS = """# Settings of a family file

A family file is YAML in the shape of [FamilySpec](#familyspec). Paths in it are relative to the
file. Next to the keys below it may hold `defaults`, a part of a [Tier](#tier) that stands under
every tier: mappings are merged, the tier's own values win, lists replace, and a section of another
`kind` replaces the default's whole section.
"""


def settings() -> str:
    schema = FamilySpec.model_json_schema()
    return "\n".join([NOTICE, SETTINGS, *_sections(schema, defaults=True)])


# ---- cli.md --------------------------------------------------------------------------------


def command_line() -> str:
    return "\n".join([NOTICE, "# The command line\n", *_command(cli, "descent", None)])


def _command(command: click.Command, name: str, parent: click.Context | None) -> Iterator[str]:
    context = click.Context(command, info_name=name, parent=parent, terminal_width=88)
    yield f"## {context.command_path}\n\n```\n{command.get_help(context)}\n```\n"
    if isinstance(command, click.Group):
        for child in command.list_commands(context):
            if found := command.get_command(context, child):
                yield from _command(found, child, context)


# ---- json.md -------------------------------------------------------------------------------

SHAPES: dict[str, Any] = {
    "descent plan": PlanReport,
    "descent plan --hardware": ScaledPlan,
    "descent status": Status,
    "descent scorecard": Scorecard,
    "descent notes": Notes,
    "descent map": list[Point],
    "descent timeline": Timeline,
    "descent report": Report,
    "descent card": Card,
    "descent bom": dict[str, JsonValue],
    "descent release": ReleaseView,
    "descent releases": list[ReleaseView],
    "descent approve": Decision,
    "descent reject": Decision,
    "descent waive": Decision,
    "descent promote": Decision,
    "descent rollback": Decision,
    "descent sign": Signed,
    "descent verify": Verified,
    "descent doctor": Checkup,
    "descent lineage show": ModelCard,
    "descent lineage ancestors": list[LineageEdge],
    "descent lineage descendants": list[LineageEdge],
    "descent lineage diff": Diff,
    "descent lineage why": Why,
    "descent lineage contains": list[Contained],
    "descent lineage stale": list[Stale],
    "descent lineage path": list[LineageEdge],
    "descent lineage graph": Graph,
    "descent lineage reindex": Reindexed,
    "descent licences": Licences,
    "descent sweep": Swept,
}
JSON = """# What `--json` prints

Numbers are in the units that a field names; times are UTC in ISO 8601; a field that is not known
is null, never left out.

| command | shape |
| --- | --- |"""


def shapes() -> str:
    adapters: dict[str, TypeAdapter[Any]] = {
        name: TypeAdapter(shape) for name, shape in SHAPES.items()
    }
    schemas, definitions = TypeAdapter.json_schemas(
        [(name, "serialization", adapter) for name, adapter in adapters.items()]
    )
    rows = [f"| `{name} --json` | {_type(schema)} |" for (name, _), schema in schemas.items()]
    sections = _sections({"$defs": definitions["$defs"]}, defaults=False)
    return "\n".join([NOTICE, JSON, *rows, "", *sections])


# ---- SCALE.md ------------------------------------------------------------------------------


AT_SCALE = "configs/at-scale.yaml"


def at_scale() -> str:
    spec = load(Path(__file__).parents[1] / AT_SCALE)
    return "\n".join([NOTICE, page(AT_SCALE, plan_on_paper(spec, "h100x8"))])


# ---- one table for each part of a schema ---------------------------------------------------


def _sections(schema: Schema, *, defaults: bool) -> Iterator[str]:
    parts = {schema["title"]: schema} if "title" in schema else {}
    for name, part in {**parts, **schema["$defs"]}.items():
        yield f"## {name}\n"
        if about := part.get("description"):
            yield f"{inspect.cleandoc(about)}\n"
        names = ("field", "type", "default", "bounds", "about")
        columns = names if defaults else ("field", "type", "about")
        yield f"| {' | '.join(columns)} |"
        yield f"|{' --- |' * len(columns)}"
        for field, value in part.get("properties", {}).items():
            cells = {
                "field": f"`{field}`",
                "type": _type(value),
                "default": _default(value, required=field in part.get("required", ())),
                "bounds": _bounds(value),
                "about": value.get("description", ""),
            }
            yield f"| {' | '.join(_cell(cells[column]) for column in columns)} |"
        yield ""


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def _type(schema: Schema) -> str:
    match schema:
        case {"$ref": ref}:
            name = str(ref).rpartition("/")[2]
            return f"[{name}](#{name.lower()})"
        case {"anyOf": options} | {"oneOf": options}:
            return " or ".join(_type(option) for option in options)
        case {"const": value}:
            return f"`{value}`"
        case {"enum": values}:
            return ", ".join(f"`{value}`" for value in values)
        case {"type": "array", "prefixItems": items}:
            return f"[{', '.join(_type(item) for item in items)}]"
        case {"type": "array", "items": items}:
            return f"list of {_type(items)}"
        case {"type": "object", "additionalProperties": dict(values)}:
            return f"mapping to {_type(values)}"
        case {"type": "object", "patternProperties": dict(values)}:
            return f"mapping to {' or '.join(_type(value) for value in values.values())}"
        case {"type": kind}:
            return {"integer": "whole number", "string": "text"}.get(str(kind), str(kind))
    return "anything"


def _default(schema: Schema, *, required: bool) -> str:
    if required:
        return "required"
    if "default" not in schema:
        return "its own defaults"
    return f"`{json.dumps(schema['default'], ensure_ascii=False)}`"


BOUNDS = {
    "minimum": "≥ {}",
    "exclusiveMinimum": "> {}",
    "maximum": "≤ {}",
    "exclusiveMaximum": "< {}",
    "minItems": "at least {} item",
    "minProperties": "at least {}",
    "minLength": "not empty",
    "pattern": "`{}`",
}


def _bounds(schema: Schema) -> str:
    options = [schema, *schema.get("anyOf", ())]
    found = [
        text.format(f"{option[name]:g}" if isinstance(option[name], float) else option[name])
        for option in options
        for name, text in BOUNDS.items()
        if name in option
    ]
    return ", ".join(found)


# ---- writing and checking ------------------------------------------------------------------

FILES = {"settings.md": settings, "cli.md": command_line, "json.md": shapes, "SCALE.md": at_scale}


def main(check: bool) -> int:
    stale = []
    for name, text in FILES.items():
        path, new = DOCS / name, text()
        if not path.exists() or path.read_text() != new:
            stale.append(name)
            if not check:
                path.write_text(new)
    for name in stale if check else ():
        print(f"docs/{name} is stale. Run: python docs/generate.py", file=sys.stderr)
    return 1 if check and stale else 0


if __name__ == "__main__":
    sys.exit(main(check="--check" in sys.argv[1:]))
