"""The values and expressions that drawn documents are made of: few, so that they meet each other."""

from __future__ import annotations

from pgworker.types import JsonValue

EXPRESSIONS = (
    ".", ".", ".a?", ".a?.b?", "1", "100000", '"a text"', "[.]", "{a: .}", "{zz: 1.0, a: 2}", "null", "true",
    "$context",    "$input", "[$context, .a?]", "$task.name",
    "$workflow.id", "now", "$task.startedAt.iso8601", "-0.0", '{"": 1}',
    "(.a? | numbers) // 0 | . + 1", "[.[]?]", "$workflow.input", "{b: $task.input}", "keys?", "1.5", "empty",
    "[limit(3; .[]?)]", "tojson | .[:40]", "$runtime.name", "{a: 1}", "{a: [100000, 2]}", ". as $x | $x",
    "{zz: $context, b: $workflow.input, a: $task.name, bb: $runtime}", "now | todate", ".a? == 1 or false",
)  # fmt: skip
FAILING = ("error(1)", "1e400", '"\\u0000"', ".a.b", "length", '{"\\u0000": 1}', ".a | .b | .c", "nan")
"""Expressions that fail on some values or on all, or give what history cannot keep."""

CONDITIONS = (
    "true", "true", "true", "false", ".a?", "$context", ".a? == 1", "(.a? // 0) == 0",
    "$task.name | length > 1", "now > 0",
)  # fmt: skip

RESULTS: list[JsonValue] = [
    None, 0, 1, 100000, "a text", 1.0, [1, {"bb": 1, "a": 2}],
    {"a": {"b": 1}}, {}, [], True, False, {"a": 7}, "\0",
]  # fmt: skip
"""What activities return, and workflows that were started; the last cannot be kept."""

SCHEMAS: list[JsonValue] = [
    True,
    True,
    {"type": ["object", "array", "null"]},
    {"type": "object"},
    {"type": ["number", "null"]},
    {
        "required": ["a", "n", "zz"],
        "properties": {"a": {"type": "string"}, "bb": False, "b": {"minimum": 5}},
        "additionalProperties": False,
    },
]

INPUTS: list[JsonValue] = [
    {}, {"a": 1}, {"a": {"b": 2}}, [1, 2], 5, "text", {"a": 100000, "n": [1.5, None]}, {"a": "x"},
]  # fmt: skip
"""What workflows are started with."""
