"""``input``, ``output`` and ``export``, of a workflow and of a task."""

from __future__ import annotations

from pgworker.dsl.reading import Piece
from pgworker.dsl.v1_0.expressions import read_mapping
from pgworker.dsl.v1_0.unsupported import report_unsupported
from pgworker.expressions.templates import Template
from pgworker.plan.nodes import DataFlow
from pgworker.plan.schema import Schema


def read_dataflow(piece: Piece, variables: frozenset[str]) -> DataFlow:
    """The data flow that a task's or workflow's definition asks for."""
    input_schema, input_from = read_stage(piece, "input", "from", variables)
    output_schema, output_as = read_stage(piece, "output", "as", variables)
    export_schema, export_as = read_stage(piece, "export", "as", variables)
    return DataFlow(
        input_schema=input_schema,
        input_from=input_from,
        output_as=output_as,
        output_schema=output_schema,
        export_as=export_as,
        export_schema=export_schema,
    )


def read_stage(
    piece: Piece, stage: str, key: str, variables: frozenset[str]
) -> tuple[Schema | None, Template | None]:
    """The schema and the template (under ``key``) of one of a task's ``input``, ``output`` and ``export``."""
    if not piece.has(stage):
        return None, None
    definition = piece.member(stage)
    if definition.object() is None:
        return None, None
    definition.allow({"schema", key}, f"`{stage}`")
    schema = _read_schema(definition.member("schema")) if definition.has("schema") else None
    template = read_mapping(definition.member(key), variables) if definition.has(key) else None
    return schema, template


def _read_schema(piece: Piece) -> Schema | None:
    if piece.object() is None:
        return None
    piece.allow({"format", "document", "resource"}, "a schema")
    if piece.has("resource"):
        report_unsupported(piece.member("resource"), "a schema in an external resource")
        return None
    if not piece.require(["document"], "the schema"):
        return None
    if piece.has("format") and not str(piece.member("format").value).startswith("json"):
        piece.member("format").report(
            f"`{piece.member('format').value}` schemas cannot be checked", expected="`json`"
        )
        return None
    try:
        return Schema(piece.member("document").value)
    except ValueError as error:
        piece.member("document").report(f"not a JSON Schema: {error}")
        return None
