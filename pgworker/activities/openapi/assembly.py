"""The HTTP request that an operation and the values of its parameters make."""

from __future__ import annotations

import re
from urllib.parse import quote

from pgworker.activities.media import essence, is_json, printable
from pgworker.activities.openapi.bodies import written
from pgworker.activities.openapi.operation import Operation
from pgworker.activities.openapi.parameters import Parameter, Place
from pgworker.activities.openapi.styles import as_json, in_cookie, in_header, in_path, in_query
from pgworker.dsl.diagnostics import suggest
from pgworker.errors import Fault, FaultKind
from pgworker.types import JsonObject, JsonValue

_TEMPLATE = re.compile(r"\{([^{}]*)\}")
_IN_PATHS = "/:@!$&'()*+,;=~%"


def http_arguments(operation: Operation, given: JsonObject) -> JsonObject:
    """The arguments of the HTTP call, its endpoint ready encoded; raises ``Fault`` (validation).

    ``given`` are the parameters by name; null is as good as not given. A body is given under its name, or
    member by member.
    """
    values: JsonObject = {name: value for name, value in given.items() if value is not None}
    used = [parameter for parameter in operation.parameters if parameter.name in values]
    rest: JsonObject = {
        name: value for name, value in values.items() if name not in {one.name for one in used}
    }
    body = _body(operation, rest)
    _check_missing(operation, values, has_body=body is not None)
    headers = _headers(operation, used, values)
    arguments: JsonObject = {"method": operation.method, "endpoint": _endpoint(operation, used, values)}
    if body is not None and operation.body is not None:
        text, media_type = written(operation.body, body)
        arguments["body"] = text
        if not _has(headers, "Content-Type"):
            headers["Content-Type"] = media_type
    return arguments | {"headers": {**headers}}


def _check_missing(operation: Operation, values: JsonObject, *, has_body: bool) -> None:
    missing = [
        parameter.name
        for parameter in operation.parameters
        if parameter.required and _is_missing(parameter, values.get(parameter.name))
    ]
    body = operation.body
    if body is not None and body.required and not has_body:
        required = [name for name, field in body.fields.items() if field.required]
        missing += required or [body.name]
    if missing:
        raise _invalid(f"the required parameters {', '.join(missing)} are missing")


def _is_missing(parameter: Parameter, value: JsonValue) -> bool:
    """An empty path parameter would make the path of another operation."""
    return value is None or (parameter.place is Place.PATH and value in ("", [], {}))


def _body(operation: Operation, rest: JsonObject) -> JsonValue:
    """What is left of the parameters: all of the body under its name, or its members."""
    body = operation.body
    known = [parameter.name for parameter in operation.parameters]
    if not rest:
        return None
    if body is None:
        raise _unknown(next(iter(rest)), known)
    for name in (body.name, "body"):
        if list(rest) == [name] and name not in body.fields:
            return rest[name]
    strangers = [name for name in rest if name not in body.fields]
    if strangers and (body.closed or body.name in strangers):
        others = [name for name in strangers if name != body.name]
        raise _unknown((others or strangers)[0], [*known, *(body.fields or (body.name,))])
    missing = [name for name, field in body.fields.items() if field.required and name not in rest]
    if missing:
        raise _invalid(f"the required parameters {', '.join(missing)} are missing")
    return rest


def _endpoint(operation: Operation, used: list[Parameter], values: JsonObject) -> str:
    in_paths = {one.name: one for one in used if one.place is Place.PATH}

    def segment(found: re.Match[str]) -> str:
        parameter = in_paths.get(found[1])
        if parameter is None:
            raise _invalid(f"the path {operation.path!r} has no parameter {found[1]!r} that could be given")
        return in_path(parameter.name, _value(parameter, values), parameter.style, parameter.explode)

    path = _TEMPLATE.sub(segment, _quoted_path(operation.path))
    if any(part in (".", "..") for part in path.split("/")):
        raise _invalid(f"the parameters make the path {printable(path)!r}, which leads elsewhere")
    pairs = [
        pair
        for one in used
        if one.place is Place.QUERY
        for pair in in_query(
            one.name, _value(one, values), one.style, one.explode, allow_reserved=one.allow_reserved
        )
    ]
    return operation.address + path + ("?" + "&".join(pairs) if pairs else "")


def _quoted_path(path: str) -> str:
    """A path as it is written in the document, encoded but for its templates."""
    return quote(path, safe=_IN_PATHS + "{}")


def _headers(operation: Operation, used: list[Parameter], values: JsonObject) -> dict[str, str]:
    headers = {
        one.name: in_header(_value(one, values), one.style, one.explode)
        for one in used
        if one.place is Place.HEADER
    }
    cookies = [
        pair
        for one in used
        if one.place is Place.COOKIE
        for pair in in_cookie(one.name, _value(one, values), one.style, one.explode)
    ]
    if cookies:
        headers["Cookie"] = "; ".join(cookies)
    if operation.accepts and not _has(headers, "Accept"):
        headers["Accept"] = _accept(operation.accepts)
    return headers


def _has(headers: dict[str, str], name: str) -> bool:
    return any(known.lower() == name.lower() for known in headers)


def _accept(media_types: tuple[str, ...]) -> str:
    """JSON if the operation knows it; the others come after, for errors may be anything."""
    wanted = [kind for kind in media_types if is_json(essence(kind))]
    return ", ".join([*(wanted or media_types), "*/*;q=0.1"])


def _value(parameter: Parameter, values: JsonObject) -> JsonValue:
    value = values[parameter.name]
    return as_json(value) if parameter.as_json else value


def _unknown(name: str, known: list[str]) -> Fault:
    hint = suggest(name, known)
    detail = f"the operation has no parameter {printable(name, 100)!r}"
    return _invalid(detail if hint is None else f"{detail}; {hint}")


def _invalid(detail: str) -> Fault:
    return Fault(FaultKind.VALIDATION, detail)
