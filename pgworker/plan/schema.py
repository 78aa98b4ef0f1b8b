"""JSON Schemas of a definition, compiled."""

from __future__ import annotations

import jsonschema_rs

from pgworker.types import JsonValue, Pointer, child_pointer

_MOST_ERRORS = 5


class Schema:
    """A compiled JSON Schema (draft 2020-12 unless it names another); references stay inside the document."""

    __slots__ = ("_validator",)

    def __init__(self, document: JsonValue) -> None:
        """Raises ``ValueError`` for a document that is no schema or that refers outside itself."""
        if not isinstance(document, dict | bool):
            raise ValueError("a schema is an object, or true or false")
        try:
            self._validator = jsonschema_rs.validator_for(
                document,  # a linear-time engine: a pattern cannot be made to hang
                pattern_options=jsonschema_rs.RegexOptions(),
                retriever=_refuse,
                validate_formats=True,
            )
        except (jsonschema_rs.ValidationError, jsonschema_rs.ReferencingError) as error:
            raise ValueError(str(error).strip().splitlines()[0]) from error

    def violations(self, value: JsonValue) -> str | None:
        """The first violations in one sentence each, with their pointers; None if the value conforms."""
        if self._validator.is_valid(value):
            return None
        told: list[str] = []
        for error in self._validator.iter_errors(value):
            if len(told) == _MOST_ERRORS:
                told.append("...")
                break
            told.append(f"{_pointer(error.instance_path) or '/'}: {error.message}")
        return "; ".join(told)


def _refuse(uri: str) -> JsonValue:
    raise ValueError(f"a schema may not refer to {uri}: only to parts of itself")


def _pointer(path: list[str | int]) -> Pointer:
    pointer = ""
    for key in path:
        pointer = child_pointer(pointer, key)
    return pointer
