"""Calls of functions: their arguments, their own data flow, and how deep they go."""

from __future__ import annotations

from pgworker.dsl.compile import compile_document
from pgworker.dsl.load import load
from pgworker.engine import events
from pgworker.engine.inputs import TimerDue
from pgworker.engine.state import Status
from pgworker.types import JsonObject, JsonValue
from tests.support.pure import HEADER, Play, error_kind, play

CALL = "call: http, with: {method: get, endpoint: 'http://shop.test/{id}'}"


def using(functions: str, do: str, value: JsonValue = None) -> Play:
    """A workflow with functions."""
    return play(f"use: {{functions: {{{functions}}}}}\ndo: [{do}]", value)


def test_a_function_s_task_runs_on_the_arguments() -> None:
    one = using(
        "add: {set: {sum: '${ .a + .b }'}}",
        "{c: {call: add, with: {a: '${ .n }', b: 2}}}",
        {"n": 1},
    )
    assert one.output == {"sum": 3}
    started, inner, outer = one.history[1:4]
    assert (started.task, started.data["opens"], started.data["arguments"]) == (
        "/do/0/c",
        "call",
        {"a": 1, "b": 2},
    )
    assert (inner.task, inner.data["in"]) == ("/use/functions/add", started.seq)
    assert (outer.task, outer.data["start"]) == ("/do/0/c", started.seq)


def test_without_arguments_it_runs_on_nothing() -> None:
    assert using("see: {set: {got: '${ . }'}}", "{c: {call: see}}", {"n": 1}).output == {"got": {}}


def test_arguments_are_made_of_the_transformed_input() -> None:
    one = using(
        "see: {set: '${ . }'}", "{c: {input: {from: .o}, call: see, with: {n: '${ .n }'}}}", {"o": {"n": 5}}
    )
    assert one.output == {"n": 5}


def test_a_function_has_a_data_flow_of_its_own_within_that_of_the_call() -> None:
    one = using(
        "f: {input: {from: .x}, set: {y: '${ . }'}, output: {as: .y}, export: {as: '{seen: .}'}}",
        "{c: {call: f, with: {x: 2}, output: {as: '{z: ., in: $input.n}'}}}",
        {"n": 1},
    )
    assert one.output == {"z": 2, "in": 1}
    assert one.state.context == {"seen": 2}


def test_a_function_checks_its_arguments_by_its_own_schema() -> None:
    function = "f: {input: {schema: {document: {type: object, required: [x]}}}, set: {y: 1}}"
    assert using(function, "{c: {call: f, with: {x: 2}}}").output == {"y": 1}
    one = using(function, "{c: {call: f, with: {z: 2}}}")
    assert error_kind(one.error) == "validation"
    assert one.error["instance"] == "/use/functions/f"


def test_a_call_may_not_be_wanted() -> None:
    assert using("f: {set: {y: 1}}", "{c: {if: 'false', call: f}}", {"n": 1}).output == {"n": 1}
    assert using("f: {if: .x, set: {y: 1}}", "{c: {call: f, with: {x: false}}}").output == {"x": False}


def test_failing_arguments_fail_the_call() -> None:
    one = using("f: {set: {y: 1}}", "{c: {call: f, with: {x: '${ .a.b }'}}}", {"a": 1})
    assert error_kind(one.error) == "expression"
    assert one.error["instance"] == "/do/0/c"


def test_a_function_may_be_of_any_kind_and_wait() -> None:
    one = using(f"fetch: {{{CALL}}}", "{c: {call: fetch, with: {id: 7}}}")
    assert one.status is Status.RUNNING
    assert one.history[2].data["arguments"] == {"method": "get", "endpoint": "http://shop.test/7"}
    assert one.returns("found").output == "found"


def test_a_composite_function_keeps_to_itself() -> None:
    one = using(
        "f: {for: {each: n, in: .items}, do: [{s: {set: {sum: '${ (.sum // 0) + $n }'}}}]}",
        "{l: {for: {each: n, in: '[10, 20]'}, do: [{c: {call: f, with: {items: ['${ $n }', 1]}}},"
        " {s: {set: {n: '${ $n }', got: '${ .sum }'}}}]}}",
    )
    assert one.output == {"n": 20, "got": 21}


def test_functions_call_each_other() -> None:
    one = using(
        "twice: {do: [{a: {call: once, with: {n: '${ .n }'}}}, {b: {call: once, with: {n: '${ .n }'}}}]},"
        " once: {set: {n: '${ .n * 2 }'}}",
        "{c: {call: twice, with: {n: 3}}}",
    )
    assert one.output == {"n": 12}
    assert one.ran == ["once", "a", "once", "b", "twice", "c"]


def test_a_function_may_call_itself() -> None:
    one = using(
        "sum: {do: [{last: {switch: [{no: {when: .n > 0, then: go}}], then: exit}},"
        " {go: {call: sum, with: {n: '${ .n - 1 }', acc: '${ .acc + .n }'}}}]}",
        "{c: {call: sum, with: {n: 4, acc: 0}}}",
    )
    assert one.output == {"n": 0, "acc": 10}


def test_calls_without_end_come_to_one() -> None:
    one = using("f: {call: f}", "{c: {call: f}}")
    assert error_kind(one.error) == "runtime"
    assert "50 levels" in str(one.error["detail"])
    assert len(one.of(events.TASK_STARTED)) == 51


def test_fifty_levels_are_not_too_many() -> None:
    one = using(
        "f: {do: [{go: {if: '.n > 0', call: f, with: {n: '${ .n - 1 }'}}}]}",
        "{c: {call: f, with: {n: 50}}}",
    )
    assert one.output == {"n": 0}


def test_an_error_in_a_function_can_be_caught_around_the_call() -> None:
    one = using(
        "f: {raise: {error: {type: t, status: 418}}}",
        "{t: {try: [{c: {call: f}}], catch: {errors: {with: {type: t}}, do: [{s: {set: '${ $error }'}}]}}}",
    )
    assert one.output == {"type": "t", "status": 418, "instance": "/use/functions/f"}


def test_a_timeout_of_the_call_interrupts_the_function() -> None:
    one = using("f: {wait: P1D}", "{c: {call: f, timeout: {after: PT1S}}}")
    one.fires("timeout")
    assert error_kind(one.error) == "timeout"
    assert events.TASK_CANCELLED in one.types


def test_end_within_a_function_ends_the_workflow() -> None:
    one = using("f: {set: {x: 1}, then: end}", "{c: {call: f}}, {never: {set: {y: 1}}}")
    assert one.output == {"x": 1}


def test_exit_within_a_function_ends_the_function() -> None:
    one = using("f: {set: {x: 1}, then: exit}", "{c: {call: f}}, {s: {set: {y: '${ .x }'}}}")
    assert one.output == {"y": 1}


def test_a_function_of_a_catalog_runs_with_its_own_names() -> None:
    resource: JsonObject = {
        "input": {"schema": {"document": {"type": "object", "required": ["who"]}}},
        "set": {"text": "Hello ${ .who }"},
    }
    text = HEADER + (
        "use: {catalogs: {mine: {endpoint: 'https://shop.test/catalog'}}}\n"
        "do: [{c: {call: 'greet:1.0.0@mine', with: {who: you}}}]"
    )
    uri = "https://shop.test/catalog/functions/greet/1.0.0/function.yaml"
    plan = compile_document(load(text, "sample.yaml"), {uri: resource}).plan
    one = play(plan)
    assert one.output == {"text": "Hello you"}
    assert one.history[2].task == "/do/0/c/call/function"


def test_a_call_that_is_told_apart_by_its_place_may_stand_in_every_list() -> None:
    one = using(
        "f: {wait: PT1S}",
        "{k: {fork: {branches: [{a: {call: f}}, {b: {call: f, with: {n: 1}}}]}}}",
    )
    first, second = one.timers("wait")
    assert first != second
    one.tell(TimerDue(first), TimerDue(second))
    assert one.output == [{}, {"n": 1}]
