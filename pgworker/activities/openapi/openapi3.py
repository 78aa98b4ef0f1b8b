"""Operations as OpenAPI 3.0 and 3.1 describe them."""

from __future__ import annotations

from pgworker.activities.media import essence
from pgworker.activities.openapi.bodies import Body, Field, preferred
from pgworker.activities.openapi.operation import Operation, Place
from pgworker.activities.openapi.parameters import read_parameter
from pgworker.activities.openapi.references import Node, References
from pgworker.activities.openapi.servers import address
from pgworker.activities.openapi.styles import Style

_COMPOSITES = ("allOf", "anyOf", "oneOf")
_STYLES = {style.value: style for style in (Style.FORM, Style.SPACES, Style.PIPES, Style.DEEP)}


async def read_operation(place: Place, references: References) -> Operation:
    """The operation at a place."""
    parameters = [read_parameter(node) for node in await place.parameters(references)]
    body = await references.resolve(place.node.member("requestBody"))
    return Operation(
        method=place.method,
        address=address((place.node, place.item, place.root)),
        path=place.path,
        parameters=tuple(parameter for parameter in parameters if parameter is not None),
        body=await _body(body, references) if body.object else None,
        accepts=await _accepts(place.node, references),
    )


async def _body(body: Node, references: References) -> Body:
    content = body.member("content")
    media_type = preferred(list(content.object))
    media = content.member(media_type)
    schema = await references.resolve(media.member("schema"))
    required = schema.member("required").value
    properties = schema.member("properties")
    fields = {
        name: _field(
            await references.resolve(properties.member(name)),
            media.member("encoding").member(name),
            isinstance(required, list) and name in required,
        )
        for name in properties.object
    }
    is_open = bool(schema.object.get("additionalProperties")) or any(
        key in schema.object for key in _COMPOSITES
    )
    return Body(
        media_type=media_type,
        required=body.object.get("required") is True,
        fields=fields,
        closed=bool(fields) and not is_open,
    )


def _field(schema: Node, encoding: Node, required: bool) -> Field:
    style = _STYLES.get(encoding.text("style") or "", Style.FORM)
    explode = encoding.object.get("explode")
    return Field(
        required=required and schema.object.get("readOnly") is not True,
        style=style,
        explode=explode if isinstance(explode, bool) else style is Style.FORM,
        is_file=_is_file(schema, encoding),
    )


def _is_file(schema: Node, encoding: Node) -> bool:
    octets = essence(encoding.text("contentType")) or essence(schema.text("contentMediaType"))
    return schema.text("format") == "binary" or octets == "application/octet-stream"


async def _accepts(operation: Node, references: References) -> tuple[str, ...]:
    """The media types of the answers that mean success."""
    found: dict[str, None] = {}
    for status in operation.member("responses").object:
        if status.startswith("2") or status == "default":
            response = await references.resolve(operation.member("responses").member(status))
            found |= dict.fromkeys(response.member("content").object)
    return tuple(found)
