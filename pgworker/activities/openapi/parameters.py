"""Parameters of an operation, as OpenAPI 3 and Swagger 2 describe them."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from pgworker.activities.openapi.references import Node
from pgworker.activities.openapi.styles import Style


class Place(StrEnum):
    """Where a parameter goes."""

    PATH = "path"
    QUERY = "query"
    HEADER = "header"
    COOKIE = "cookie"


_STYLES = {
    Place.PATH: Style.SIMPLE,
    Place.QUERY: Style.FORM,
    Place.HEADER: Style.SIMPLE,
    Place.COOKIE: Style.FORM,
}
_FITTING = {
    Place.PATH: {Style.SIMPLE, Style.LABEL, Style.MATRIX},
    Place.QUERY: {Style.FORM, Style.SPACES, Style.PIPES, Style.DEEP},
    Place.HEADER: {Style.SIMPLE},
    Place.COOKIE: {Style.FORM},
}
_FORMATS = {"ssv": Style.SPACES, "tsv": Style.TABS, "pipes": Style.PIPES}

# OpenAPI 3 leaves these headers to others: a definition of them is not binding.
_NOT_REQUIRED = frozenset({"accept", "authorization", "content-type"})


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter; ``as_json`` if its value travels as JSON, whatever its style."""

    name: str
    place: Place
    required: bool
    style: Style
    explode: bool
    allow_reserved: bool = False
    as_json: bool = False


def read_parameter(node: Node) -> Parameter | None:
    """A parameter of OpenAPI 3; None for what is none."""
    name, place = node.text("name"), _place(node)
    if name is None or place is None:
        return None
    written = node.text("style")
    style = Style(written) if written in {style.value for style in _FITTING[place]} else _STYLES[place]
    explode = node.object.get("explode")
    return Parameter(
        name=name,
        place=place,
        required=_is_required(node, name, place),
        style=style,
        explode=explode if isinstance(explode, bool) else style is Style.FORM,
        allow_reserved=node.object.get("allowReserved") is True,
        as_json="content" in node.object,
    )


def read_swagger_parameter(node: Node) -> Parameter | None:
    """A parameter of Swagger 2; None for what is none, as a part of the body."""
    name, place = node.text("name"), _place(node)
    if name is None or place is None or place is Place.COOKIE:
        return None
    style, explode = swagger_style(node, _STYLES[place])
    return Parameter(name, place, _is_required(node, name, place), style, explode)


def swagger_style(node: Node, usual: Style) -> tuple[Style, bool]:
    """The style that ``collectionFormat`` means, and whether arrays repeat the name."""
    written = node.text("collectionFormat") or "csv"
    return _FORMATS.get(written, usual), written == "multi"


def _place(node: Node) -> Place | None:
    written = node.text("in")
    return Place(written) if written in {place.value for place in Place} else None


def _is_required(node: Node, name: str, place: Place) -> bool:
    if place is Place.PATH:
        return True
    ignored = place is Place.HEADER and name.lower() in _NOT_REQUIRED
    return node.object.get("required") is True and not ignored
