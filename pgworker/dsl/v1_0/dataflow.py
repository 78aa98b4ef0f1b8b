"""``input``, ``output`` and ``export``, of a workflow and of a task."""

from __future__ import annotations

from pgworker.dsl.reading import Piece
from pgworker.dsl.v1_0.expressions import read_mapping
from pgworker.dsl.v1_0.names import Names
from pgworker.dsl.v1_0.shapes import only_one
from pgworker.dsl.v1_0.wanting import read_wanted
from pgworker.errors import Rule
from pgworker.expressions.templates import Template
from pgworker.plan.nodes import DataFlow
from pgworker.plan.schema import Schema
from pgworker.types import JsonValue


def read_dataflow(piece: Piece, names: Names) -> DataFlow:
    """The data flow that a task's or workflow's definition asks for."""
    input_schema, input_from = read_stage(piece, "input", "from", names)
    output_schema, output_as = read_stage(piece, "output", "as", names)
    export_schema, export_as = read_stage(piece, "export", "as", names)
    return DataFlow(
        input_schema=input_schema,
        input_from=input_from,
        output_as=output_as,
        output_schema=output_schema,
        export_as=export_as,
        export_schema=export_schema,
    )


def read_stage(piece: Piece, stage: str, key: str, names: Names) -> tuple[Schema | None, Template | None]:
    """The schema and the template (under ``key``) of one of a task's ``input``, ``output`` and ``export``."""
    if not piece.has(stage):
        return None, None
    definition = piece.member(stage)
    if definition.object() is None:
        return None, None
    definition.allow({"schema", key}, f"`{stage}`")
    schema = _read_schema(definition.member("schema"), names) if definition.has("schema") else None
    template = read_mapping(definition.member(key), names.variables) if definition.has(key) else None
    return schema, template


def _read_schema(piece: Piece, names: Names) -> Schema | None:
    if piece.object() is None:
        return None
    piece.allow({"format", "document", "resource"}, "a schema")
    format_ = piece.member("format").text() if piece.has("format") else "json"
    if format_ is None:
        return None
    if format_.partition(":")[0] != "json":
        piece.member("format").report(
            f"`{format_}` schemas cannot be checked",
            expected="`json`",
            rule=Rule.JSON_SCHEMA,
        )
        return None
    member = only_one(piece, ("document", "resource"), "a schema")
    if member is None:
        return None
    document = piece.member(member)
    value = document.value if member == "document" else _loaded(document, names)
    if member == "resource" and value is None:
        return None
    try:
        return Schema(value)
    except ValueError as error:
        document.report(f"not a JSON Schema: {error}", rule=Rule.JSON_SCHEMA)
        return None


def _loaded(resource: Piece, names: Names) -> JsonValue:
    """What was loaded of an external resource; as long as it has not been, None, and it is wanted."""
    if resource.object() is None or not resource.require(["endpoint"], "the resource"):
        return None
    resource.allow({"name", "endpoint"}, "a resource")
    wanted = read_wanted(resource.member("endpoint"), names)
    if wanted is None:
        return None
    if wanted.uri not in names.resources:
        names.wanted[wanted.uri] = wanted
    return names.resources.get(wanted.uri)
