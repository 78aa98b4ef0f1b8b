"""The language's official schema, as it is amended here, and where the compiler disagrees with it."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path

import jsonschema_rs
import pytest

from pgworker.dsl.document import Document
from pgworker.dsl.load import load
from pgworker.dsl.v1_0.compile import VERSIONS
from pgworker.errors import Rule
from pgworker.types import JsonObject, JsonValue
from tests.support.mutations import at
from tests.support.pure import problems_of

SPECIFICATION = Path(__file__).resolve().parents[3] / "shared" / "spec"
SCHEMA = SPECIFICATION / "schema" / "workflow.yaml"
EXAMPLES = sorted((SPECIFICATION / "examples").glob("*.yaml"))

needs_schema = pytest.mark.skipif(
    not SCHEMA.is_file() or not EXAMPLES, reason="the official schema is not beside the checkout"
)

Amendment = Callable[[JsonValue], object]

_EXPRESSION: JsonObject = {"$ref": "#/$defs/runtimeExpression"}
_TEXT: JsonObject = {"type": "string"}
_WORDS: JsonObject = {"anyOf": [{"type": "array", "items": {"type": "string"}}, {"type": "object"}]}
_COUNT: JsonObject = {"minimum": 0, "maximum": 2**63}
_PARTS = ("days", "hours", "minutes", "seconds", "milliseconds")
_PART: JsonObject = {"anyOf": [{"type": "integer", "minimum": 0}, _EXPRESSION]}
_URI = (
    r"^(?!\s*\$\{.*\}\s*$)(?=\S)((?:EX|[^:/?#])+:)?(//(?:EX|[^/?#\s])*)?(?:EX|[^?#\s])*"
    r"(\?(?:EX|[^#\s])*)?(#(?:EX|\S)*)?$"
).replace("EX", r"\$\{[^}]*\}")
_ISO = (
    r"^P(?!$)(\d+(?:\.0+)?Y)?(\d+(?:\.0+)?M)?(\d+(?:\.\d+)?W)?(\d+(?:\.\d+)?D)?"
    r"(T(?=\d)(\d+(?:\.\d+)?H)?(\d+(?:\.\d+)?M)?(\d+(?:\.\d+)?S)?)?$"
)
_ARGUMENTS: JsonObject = {"anyOf": [{"type": "object"}, {"type": "array"}, _EXPRESSION]}
_AGENTS: list[JsonValue] = [{"required": ["agentCard"]}, {"required": ["server"]}]
_CLOSED: JsonObject = {"additionalProperties": False}


def _with(more: JsonObject) -> Amendment:
    return lambda schema: schema.update(copy.deepcopy(more))


def _becomes(other: JsonObject) -> Amendment:
    return lambda schema: (schema.clear(), schema.update(copy.deepcopy(other)))


def _any_of(schema: JsonValue) -> None:
    schema["anyOf"] = schema.pop("oneOf")


def _not_required(key: str) -> Amendment:
    return lambda schema: schema["required"].remove(key)


LENIENT: list[tuple[str, Amendment]] = [
    # `format` is an annotation only, so that an expression would be a literal as well, and one too many
    ("$defs/error/properties/instance", _any_of),
    ("$defs/eventProperties/properties/time", _any_of),
    # "a string that contains `${ ... }` among other text becomes text": so do URIs, spaces and all
    ("$defs/uriTemplate", _becomes({"type": "string", "pattern": _URI})),
    # parts of a duration may be expressions, as others' durations are
    *((f"$defs/duration/oneOf/0/properties/{part}", _becomes(_PART)) for part in _PARTS),
    # and what is interpolated may become a duration: `PT${ .n }S`
    ("$defs/duration/oneOf/1", _becomes({"type": "string", "pattern": r"\$\{[\s\S]+\}"})),
    # "a filter attribute is an equal literal, a regular expression ..., or an expression"
    *((f"$defs/eventTests/properties/{name}", _becomes(_TEXT)) for name in ("source", "dataschema", "time")),
    # "inline array in `for.in`", whatever its items are
    ("$defs/forTask/allOf/1/properties/for/properties/in/oneOf/1/items", _becomes({})),
    # `input` is `any` in the reference
    ("$defs/runTask/allOf/1/properties/run/oneOf/3/properties/workflow/properties/input", _becomes({})),
    # "`version` absent or `latest` = the newest"
    ("$defs/runTask/allOf/1/properties/run/oneOf/3/properties/workflow", _not_required("version")),
    # "in any-value fields (..., arguments) only a string that is wholly `${ ... }` is an expression"
    ("$defs/callTask/oneOf/1/allOf/1/properties/with/properties/arguments", _becomes(_ARGUMENTS)),
    # DSL 1.0.0 had maps of arguments
    ("$defs/runTask/allOf/1/properties/run/oneOf/1/properties/script/properties/arguments", _becomes(_WORDS)),
    ("$defs/runTask/allOf/1/properties/run/oneOf/2/properties/shell/properties/arguments", _becomes(_WORDS)),
    # "fields that are typed as runtime expressions accept both bare jq and `${ }`"
    ("$defs/asyncApiSubscription/properties/filter", _becomes(_TEXT)),
    ("$defs/asyncApiMessageConsumptionPolicy/oneOf/1/properties/while", _becomes(_TEXT)),
    ("$defs/asyncApiMessageConsumptionPolicy/oneOf/2/properties/until", _becomes(_TEXT)),
]
"""What is accepted although the schema refuses it, and the decision that says so."""

STRICT: list[tuple[str, Amendment]] = [
    # "every `dsl` from 1.0.0 to 1.0.3"
    ("properties/document/properties/dsl", _with({"enum": [*VERSIONS]})),
    # expressions are jq
    ("properties/evaluate/properties/language", _with({"const": "jq"})),
    # the same for all months, nothing is; nor does time run backwards
    ("$defs/duration/oneOf/2", _with({"pattern": _ISO, "maxLength": 200})),
    ("$defs/retryPolicy/properties/limit/properties/attempt/properties/count", _with(_COUNT)),
    # a CloudEvent has a type, and the DSL reference requires `with`
    ("$defs/emitTask/allOf/1/properties/emit/properties/event", _with({"required": ["with"]})),
    # the DSL reference requires `server` where there is no `agentCard`
    ("$defs/callTask/oneOf/4/allOf/1/properties/with", _with({"anyOf": _AGENTS})),
    # "unknown keys inside a task are an error"
    ("$defs/errorFilter", _with(_CLOSED)),
    ("$defs/tryTask/allOf/1/properties/catch/properties/errors", _with(_CLOSED)),
    ("$defs/eventFilter/properties/correlate/additionalProperties", _with(_CLOSED)),
]
"""What is refused although the schema accepts it, as far as a schema can tell."""


def amended() -> jsonschema_rs.Draft202012Validator:
    """The schema with these amendments; what more is refused belongs to a ``Rule``."""
    schema = load(SCHEMA.read_bytes()).value
    # what is looked for in events is told apart from what is emitted
    schema["$defs"]["eventTests"] = copy.deepcopy(schema["$defs"]["eventProperties"])
    schema["$defs"]["eventFilter"]["properties"]["with"]["$ref"] = "#/$defs/eventTests"
    for pointer, amend in [*LENIENT, *STRICT]:
        path = tuple(int(key) if key.isdecimal() else key for key in pointer.split("/"))
        amend(at(schema, path))
    return jsonschema_rs.Draft202012Validator(schema)


_EXCUSES = frozenset({Rule.EXPRESSION, Rule.URI, Rule.STORABLE})
"""A text that breaks one of these may be of the wrong shape as well, and is not looked at any further."""


def disagreement(official: jsonschema_rs.Draft202012Validator, definition: JsonObject) -> str | None:
    """What the schema and the compiler say of a document, where they do not agree on its shape."""
    problems = problems_of(Document.from_value(definition))
    shape = [problem for problem in problems if problem.rule is None]
    if official.is_valid(definition):
        told = "; ".join(f"{problem.pointer}: {problem.message}" for problem in shape)
        return f"only the compiler refuses it: {told}" if shape else None
    if shape or any(problem.rule in _EXCUSES for problem in problems):
        return None
    told = "; ".join(f"{error.instance_path}: {error.message}" for error in official.iter_errors(definition))
    return f"only the schema refuses it: {told}"
