"""Bodies: in which media type an operation takes one, and how a value is written in it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from uuid import uuid4

from pgworker.activities.media import FORM, JSON, TEXT, essence, is_json
from pgworker.activities.openapi.styles import Style, as_json, as_text, in_query
from pgworker.errors import Fault, FaultKind
from pgworker.types import JsonObject, JsonValue

MULTIPART = "multipart/form-data"
OCTETS = "application/octet-stream"

_QUOTED = str.maketrans({'"': "%22", "\r": "%0D", "\n": "%0A"})


@dataclass(frozen=True, slots=True)
class Field:
    """A member of a body: how its arrays are written in a form, and whether it is a file in a multipart."""

    required: bool = False
    style: Style = Style.FORM
    explode: bool = True
    is_file: bool = False


@dataclass(frozen=True, slots=True)
class Body:
    """A body that an operation takes.

    ``name`` is the parameter that holds all of it; its ``fields`` may be parameters of their own, and if it
    is ``closed`` no others can be.
    """

    media_type: str
    required: bool
    name: str = "body"
    fields: Mapping[str, Field] = field(default_factory=dict)
    closed: bool = False


def preferred(media_types: list[str]) -> str:
    """The one of some media types that says most and is written most easily; JSON if there is none."""

    def place(media_type: str) -> int:
        kind = essence(media_type)
        known = [is_json(kind), kind == FORM, kind == MULTIPART, "*" in kind, kind.startswith("text/")]
        return known.index(True) if True in known else len(known)

    return min(media_types, key=place, default=JSON)


def written(body: Body, value: JsonValue) -> tuple[str, str]:
    """A value as text in the body's media type, and the Content-Type; raises ``Fault`` (validation)."""
    kind = essence(body.media_type)
    if is_json(kind):
        return as_json(value), body.media_type
    if kind == FORM:
        return _form(body, _members(value, kind)), body.media_type
    if kind == MULTIPART:
        boundary = uuid4().hex
        return _multipart(body, _members(value, kind), boundary), f"{MULTIPART}; boundary={boundary}"
    if "*" in kind:
        return (value, f"{TEXT}; charset=utf-8") if isinstance(value, str) else (as_json(value), JSON)
    if isinstance(value, str):
        return value, body.media_type
    if kind.startswith("text/") and not isinstance(value, dict | list):
        return as_text(value), body.media_type
    raise Fault(FaultKind.VALIDATION, f"a body of {kind} has to be given as a string")


def _members(value: JsonValue, kind: str) -> JsonObject:
    if not isinstance(value, dict):
        raise Fault(FaultKind.VALIDATION, f"a body of {kind} has to be an object")
    return {name: member for name, member in value.items() if member is not None}


def _form(body: Body, members: JsonObject) -> str:
    pairs: list[str] = []
    for name, member in members.items():
        known = body.fields.get(name, Field())
        # An object within a form has no style of its own unless its encoding says so.
        shown = as_text(member) if isinstance(member, dict) and known.style is not Style.DEEP else member
        pairs += in_query(name, shown, known.style, known.explode)
    return "&".join(pairs)


def _multipart(body: Body, members: JsonObject, boundary: str) -> str:
    parts: list[str] = []
    for name, member in members.items():
        known = body.fields.get(name, Field())
        for item in member if isinstance(member, list) else [member]:
            parts.append(f"--{boundary}\r\n{_part(name, item, known)}\r\n")
    return "".join(parts) + f"--{boundary}--\r\n"


def _part(name: str, value: JsonValue, known: Field) -> str:
    head = f'Content-Disposition: form-data; name="{name.translate(_QUOTED)}"'
    if known.is_file:
        head += f'; filename="{name.translate(_QUOTED)}"\r\nContent-Type: {OCTETS}'
    elif isinstance(value, dict | list):
        head += f"\r\nContent-Type: {JSON}"
    return f"{head}\r\n\r\n{as_text(value)}"
