"""A scene as SVG: text of its own, the same bytes for the same scene.

Every colour stands as an attribute, and again as a class, `fill-ink` or `stroke-tier-1`: alone a
picture is drawn on white, and in a page a style sheet gives the roles other colours.
"""

from collections.abc import Iterator, Mapping, Sequence
from html import escape

from family.drawing.scene import LIGHT, PAPER, Box, Group, Path, Scene, Shape, Text

FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'DejaVu Sans', sans-serif"
Attributes = Mapping[str, str | float | None]


def document(scene: Scene) -> str:
    """A file of its own, on paper."""
    paper = Box((0, 0, scene.width, scene.height), fill=PAPER)
    size = {"width": scene.width, "height": scene.height}
    return _svg(scene, (paper, *scene.shapes), size)


def inline(scene: Scene) -> str:
    """A part of a page, as wide as its place allows; the page behind it is seen."""
    return _svg(scene, scene.shapes, {})


def _svg(scene: Scene, shapes: Sequence[Shape], size: Attributes) -> str:
    opening = _tag(
        "svg",
        {
            "xmlns": "http://www.w3.org/2000/svg",
            "viewBox": f"0 0 {_number(scene.width)} {_number(scene.height)}",
            **size,
            "role": "group",
            "aria-label": scene.title,
            "font-family": FONT,
        },
    )
    return "\n".join([f"<{opening}>", *_all(shapes), "</svg>", ""])


def _all(shapes: Sequence[Shape]) -> Iterator[str]:
    for shape in shapes:
        match shape:
            case Path():
                yield _empty("path", {"d": _way(shape), **_look(shape), **_dash(shape)})
            case Box():
                yield _empty("rect", {**_place(shape), **_look(shape)})
            case Text():
                yield _words(shape)
            case Group():
                yield from _group(shape)


def _group(group: Group) -> Iterator[str]:
    said = {"aria-label": group.says or None, "data-says": group.says or None}
    data = {f"data-{name}": value for name, value in group.data.items()}
    name = "a" if group.href else "g"
    role = None if group.href or not group.says else "img"
    attributes = {"class": group.name or None, "href": group.href or None, "role": role}
    yield f"<{_tag(name, {**attributes, **said, **data})}>"
    yield from _all(group.shapes)
    yield f"</{name}>"


def _words(text: Text) -> str:
    halo: Attributes = {}
    if text.halo:
        halo = {
            "class": f"fill-{text.colour} stroke-{PAPER}",
            "stroke": LIGHT[PAPER],
            "stroke-width": 3,
            "stroke-linejoin": "round",
            "paint-order": "stroke",
        }
    attributes: Attributes = {
        "x": text.at[0],
        "y": text.at[1],
        "font-size": text.size,
        "font-weight": "600" if text.bold else None,
        "text-anchor": None if text.anchor == "start" else text.anchor,
        "class": f"fill-{text.colour}",
        "fill": LIGHT[text.colour],
        "opacity": None if text.opacity == 1 else text.opacity,
        **halo,
    }
    return f"<{_tag('text', attributes)}>{escape(text.words)}</text>"


def _look(shape: Path | Box) -> Attributes:
    classes = [f"fill-{shape.fill}"] * bool(shape.fill)
    classes += [f"stroke-{shape.stroke}"] * bool(shape.stroke)
    return {
        "class": " ".join(classes),
        "fill": LIGHT[shape.fill] if shape.fill else "none",
        "stroke": LIGHT[shape.stroke] if shape.stroke else None,
        "stroke-width": shape.width if shape.stroke else None,
        "opacity": None if shape.opacity == 1 else shape.opacity,
    }


def _dash(path: Path) -> Attributes:
    dash = " ".join(map(_number, path.dash)) if path.dash else None
    return {"stroke-dasharray": dash, "stroke-linejoin": "round"}


def _place(box: Box) -> Attributes:
    x0, y0, x1, y1 = box.area
    return {"x": x0, "y": y0, "width": x1 - x0, "height": y1 - y0, "rx": box.radius or None}


def _way(path: Path) -> str:
    (x, y), *rest = path.points
    said = [f"M{_number(x)} {_number(y)}"]
    for at, (x, y) in enumerate(rest):
        command = "L" if not path.curved else "C" if at % 3 == 0 else " "
        said.append(f"{command}{_number(x)} {_number(y)}")
    return "".join(said) + "Z" * path.closed


def _empty(name: str, attributes: Attributes) -> str:
    return f"<{_tag(name, attributes)}/>"


def _tag(name: str, attributes: Attributes) -> str:
    said = (
        f'{one}="{escape(value if isinstance(value, str) else _number(value))}"'
        for one, value in attributes.items()
        if value is not None
    )
    return " ".join([name, *said])


def _number(value: float) -> str:
    return f"{round(value, 2):g}" if abs(value) < 1e5 else f"{value:.0f}"
