"""Operations as Swagger 2.0 describes them, where bodies and forms are parameters."""

from __future__ import annotations

from pgworker.activities.media import FORM
from pgworker.activities.openapi.bodies import MULTIPART, Body, Field, preferred
from pgworker.activities.openapi.operation import Operation, Place
from pgworker.activities.openapi.parameters import read_swagger_parameter, swagger_style
from pgworker.activities.openapi.references import Node, References
from pgworker.activities.openapi.servers import swagger_address
from pgworker.activities.openapi.styles import Style


async def read_swagger_operation(place: Place, references: References) -> Operation:
    """The operation at a place."""
    nodes = await place.parameters(references)
    parameters = [read_swagger_parameter(node) for node in nodes]
    return Operation(
        method=place.method,
        address=swagger_address(place.root, place.node),
        path=place.path,
        parameters=tuple(parameter for parameter in parameters if parameter is not None),
        body=_body(nodes, _media_types(place, "consumes")),
        accepts=tuple(_media_types(place, "produces")),
    )


def _media_types(place: Place, key: str) -> list[str]:
    """Those of the operation, even if it says that there are none, or else those of the document."""
    level = place.node if key in place.node.object else place.root
    return [item.value for item in level.member(key).items() if isinstance(item.value, str)]


def _body(nodes: list[Node], consumes: list[str]) -> Body | None:
    whole = next((node for node in nodes if node.text("in") == "body"), None)
    if whole is not None:
        name = whole.text("name") or "body"
        return Body(preferred(consumes), whole.object.get("required") is True, name)
    form = [node for node in nodes if node.text("in") == "formData" and node.text("name") is not None]
    if not form:
        return None
    fields = {str(node.text("name")): _field(node) for node in form}
    has_files = any(field.is_file for field in fields.values())
    is_multipart = has_files or (MULTIPART in consumes and FORM not in consumes)
    required = any(field.required for field in fields.values())
    return Body(MULTIPART if is_multipart else FORM, required, fields=fields, closed=True)


def _field(node: Node) -> Field:
    style, explode = swagger_style(node, Style.FORM)
    return Field(node.object.get("required") is True, style, explode, node.text("type") == "file")
