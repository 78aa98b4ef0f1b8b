"""``evaluate.mode: loose``: every text is tried as an expression, and stays a text where it is none."""

from __future__ import annotations

import pytest

from pgworker.types import JsonValue
from tests.support.post import Post
from tests.support.pure import cloud_event, play, problems_of

DATA = {"n": 1, "text": "hello", "list": [1, 2], "o": {"a": None}}


def loose(text: str) -> str:
    """The text in loose mode."""
    return f"evaluate: {{mode: loose}}\n{text}"


def value(written: str, mode: str = "loose") -> JsonValue:
    """What the text comes to as the value of a set."""
    output = play(f"evaluate: {{mode: {mode}}}\ndo: [{{s: {{set: {{v: {written}}}}}}}]", DATA).output
    assert isinstance(output, dict)
    return output["v"]


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        (".n", 1),
        (".n + 1", 2),
        ("'${ .n }'", 1),
        ("'n is ${ .n }'", "n is 1"),
        ("hello", "hello"),
        ("hello world", "hello world"),
        ("'https://shop.test/a'", "https://shop.test/a"),
        ("order.created.v1", "order.created.v1"),
        ("2024-01-01T00:00:00Z", "2024-01-01T00:00:00Z"),
        ("'\"quoted\"'", "quoted"),
        ("'1'", 1),
        ("'null'", None),
        ("'true'", True),
        ("''", ""),
        ("' '", " "),
        ("'.n.x.y'", ".n.x.y"),
        (".missing", None),
        ("'.list[]'", 1),
        ("empty", None),
        ("error", "error"),
        ("'error(\"x\")'", 'error("x")'),
        ("$workflow.input.n", 1),
        ("$nothing", "$nothing"),
        ("'{a: .n}'", {"a": 1}),
        ("'{a: .n'", "{a: .n"),
        ("'.n # what it is'", 1),
        ("'.n # }'", 1),
        ("'.n.x # fails'", ".n.x # fails"),
        ("'# nothing but a comment'", "# nothing but a comment"),
        ("'. as $x | $x.n'", 1),
        ('\'if .n == 1 then "one" else "more" end\'', "one"),
        ("'.text | ascii_upcase'", "HELLO"),
        ("'a \" b'", 'a " b'),
        ("'$ENV'", "$ENV"),
        ("'input'", "input"),
        ("[.n, {x: .text, y: plain}, 5]", [1, {"x": "hello", "y": "plain"}, 5]),
        ("5", 5),
        ("true", True),
    ],
)
def test_every_text_is_tried_as_an_expression(written: str, expected: JsonValue) -> None:
    assert value(written) == expected


@pytest.mark.parametrize("written", [".n", ".n + 1", "'null'", "'{a: .n}'"])
def test_in_strict_mode_they_are_texts(written: str) -> None:
    assert value(written, "strict") == written.strip("'")


def test_keys_are_texts_always() -> None:
    assert play(loose("do: [{s: {set: {.n: .n}}}]"), DATA).output == {".n": 1}


def test_only_the_definition_s_text_is_evaluated_never_the_data() -> None:
    assert play(loose("do: [{s: {set: {v: .text}}}]"), {"text": ".n"}).output == {"v": ".n"}


def test_loops_and_catches_bind_their_variables() -> None:
    one = play(
        loose("do: [{f: {for: {in: .list}, do: [{s: {set: {v: $item, i: $index, w: $other}}}]}}]"), DATA
    )
    assert one.output == {"v": 2, "i": 1, "w": "$other"}


def test_arguments_of_activities_and_functions_are_tried_too() -> None:
    one = play(
        loose(
            "use: {functions: {f: {set: {got: .a, word: a}}}}\n"
            "do: [{c: {call: f, with: {a: .n}}}, {h: {call: http, with: {method: get,"
            " endpoint: 'http://x.test', body: {a: .got, b: just text}}}}]"
        ),
        DATA,
    )
    assert one.history[-1].data["arguments"] == {
        "method": "get",
        "endpoint": "http://x.test",
        "body": {"a": 1, "b": "just text"},
    }


def test_errors_events_and_filters_are_tried_too() -> None:
    one = play(loose("do: [{r: {raise: {error: {type: t, status: 400, detail: .text}}}}]"), DATA)
    assert one.error["detail"] == "hello"
    emitted = play(loose("do: [{e: {emit: {event: {with: {type: a.b, subject: .text}}}}}]"), DATA).output
    assert isinstance(emitted, dict)
    assert (emitted["type"], emitted["subject"]) == ("a.b", "hello")
    office = Post(
        play(
            loose(
                "do: [{l: {listen: {to: {one: {with: {type: a.b},"
                " correlate: {k: {from: .k, expect: .n}}}}}}}]"
            ),
            DATA,
        )
    )
    assert office.publish(cloud_event("a.b", {"k": 2}), cloud_event("a.b", {"k": 1})).output == [{"k": 1}]


def test_what_is_run_is_named_by_texts_that_are_tried() -> None:
    one = play(loose("do: [{r: {run: {workflow: {namespace: shop, name: .text, input: {a: .n}}}}}]"), DATA)
    data = one.history[-1].data
    assert (data["namespace"], data["name"], data["input"]) == ("shop", "hello", {"a": 1})


def test_what_is_an_expression_anyway_still_has_to_be_one() -> None:
    (problem,) = problems_of(loose("do: [{s: {if: '.[', set: {x: 1}}}]"))
    assert problem.pointer == "/do/0/s/if"


def test_an_expression_that_is_marked_as_one_still_has_to_be_one() -> None:
    for written, message in (("${ .n", "never closed"), ("${ .[ }", ""), ("${ nothing }", "not defined")):
        (problem,) = problems_of(loose(f"do: [{{s: {{set: {{v: '{written}'}}}}}}]"))
        assert message in problem.message


def test_no_hint_tells_of_the_name_that_marks_the_mode() -> None:
    (problem,) = problems_of(loose("do: [{s: {set: {x: '${ $nothing }'}}}]"))
    assert "__loose" not in f"{problem.message} {problem.expected} {problem.hint}"
