"""What expressions can read besides the data: ``$context``, ``$input``, ``$output``, ``$task``, and so on."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from pgworker import __version__
from pgworker.engine.events import Event
from pgworker.engine.evolve import replay
from pgworker.errors import ERROR_TYPE_ROOT
from pgworker.types import JsonObject, JsonValue
from tests.support.pure import NOW, WORKFLOW_ID, Play, begin, plan_of, play

STARTED: JsonObject = {
    "iso8601": "2024-01-31T12:00:00.500000Z",
    "epoch": {"seconds": 1706702400, "milliseconds": 1706702400500},
}


def read(program: str, value: JsonValue = None) -> JsonValue:
    """What a program gives in the value of a ``set`` task named ``t``."""
    output = play(f"do: [{{t: {{set: {{r: '${{ {program} }}'}}}}}}]", value).output
    assert isinstance(output, dict)
    return output["r"]


@pytest.mark.parametrize(
    ("program", "result"),
    [
        (".", {"a": 1}),
        ("$input", {"a": 1}),
        ("$context", None),
        ("$output", None),
        ("$task.name", "t"),
        ("$task.reference", "/do/0/t"),
        ("$task.definition.set | type", "object"),
        ("$task.set | type", "object"),
        ("$task.input", {"a": 1}),
        ("$task.output", None),
        ("$task.startedAt", STARTED),
        ("$workflow.id", WORKFLOW_ID),
        ("$workflow.input", {"a": 1}),
        ("$workflow.definition.document.name", "sample"),
        ("$workflow.definition.do[0].t.set | type", "object"),
        ("$workflow.startedAt", STARTED),
        ("$runtime", {"name": "pgworker", "version": __version__, "metadata": {}}),
        ("$authorization", None),
        ("now", 1706702400.5),
        ("now | todate", "2024-01-31T12:00:00Z"),
        ('[$task | keys[]] | contains(["name", "reference", "definition", "input", "output"])', True),
        ("$workflow | keys", ["definition", "id", "input", "startedAt"]),
        ("$task.startedAt.epoch.seconds", 1706702400),
    ],
)
def test_a_variable_can_be_read(program: str, result: JsonValue) -> None:
    assert read(program.replace("'", "''"), {"a": 1}) == result


def test_the_task_s_input_is_raw_and_the_variable_input_transformed() -> None:
    one = play("do: [{t: {input: {from: .a}, set: {r: '${ [., $input, $task.input] }'}}}]", {"a": 1})
    assert one.output == {"r": [1, 1, {"a": 1}]}


def test_the_task_s_output_is_raw_and_the_variable_output_transformed() -> None:
    one = play(
        "do: [{t: {set: {x: 1}, output: {as: .x}, export: {as: '[., $output, $task.output, $input]'}}}]",
        {"a": 1},
    )
    assert one.state.context == [1, 1, {"x": 1}, {"a": 1}]


def test_the_condition_reads_the_raw_input_as_variable_too() -> None:
    one = play(
        "do: [{t: {if: '$input == {a: 1} and $task.input == $input', input: {from: .a}, set: {x: 1}}}]",
        {"a": 1},
    )
    assert one.output == {"x": 1}


def test_the_task_s_own_members_can_be_read() -> None:
    one = play(
        "do: [{c: {call: http, with: {method: get, endpoint: 'http://x', "
        "body: '${ $task.with.method + $task.metadata.m }'}, metadata: {m: x}}}]"
    )
    assert one.history[1].data["arguments"]["body"] == "getx"  # type: ignore[index, call-overload]


def test_inside_a_composite_the_task_is_the_inner_one() -> None:
    one = play(
        "do: [{o: {do: [{i: {set: {n: '${ [$task.name, $task.reference] }'}}}], "
        "output: {as: '.n + [$task.name]'}}}]"
    )
    assert one.output == ["i", "/do/0/o/do/0/i", "o"]


def test_references_are_escaped_pointers() -> None:
    assert play("do: [{a/b~c: {set: {r: '${ $task.reference }'}}}]").output == {"r": "/do/0/a~1b~0c"}


def test_the_workflow_s_own_data_flow_has_no_task() -> None:
    one = play(
        "do: [{t: {set: {x: 1}}}]\ninput: {from: '[$task, $workflow.id, "
        "$input]'}\noutput: {as: '[$task, $input[1], $output.x]'}"
    )
    assert one.output == [None, WORKFLOW_ID, 1]


def test_input_is_bound_in_the_workflow_s_own_transformations() -> None:
    one = play("do: [{t: {set: {x: 1}}}]\ninput: {from: '{given: $input}'}\noutput: {as: '$input'}", {"a": 1})
    assert one.output == {"given": {"a": 1}}


@pytest.mark.parametrize("program", ["$secrets", "$secrets.password", '"\\($secrets.a)"'])
def test_a_secret_that_is_not_there_raises_authorization(program: str) -> None:
    one = play(f"do: [{{t: {{set: {{x: '${{ {program} }}'}}}}}}]")
    assert one.error["type"] == ERROR_TYPE_ROOT + "authorization"
    assert (one.error["status"], one.error["instance"]) == (403, "/do/0/t")


def test_an_activity_s_output_is_transformed_with_the_task_as_it_began() -> None:
    one = play(
        "do: [{c: {input: {from: .a}, call: http, with: {method: get, endpoint: 'http://x'},"
        " output: {as: '{i: $input, raw: $task.input, out: $task.output, at: $task.startedAt.iso8601, "
        "now: now}'}}}]",
        {"a": 1},
    ).returns("result")
    assert one.output == {
        "i": 1,
        "raw": {"a": 1},
        "out": "result",
        "at": STARTED["iso8601"],
        "now": 1706702401.5,
    }


def test_a_composite_began_when_it_opened() -> None:
    one = play("do: [{o: {do: [{w: {wait: PT1S}}], output: {as: '[$task.startedAt.iso8601, now]'}}}]").fires()
    assert one.output == [STARTED["iso8601"], 1706702401.5]


def test_a_loop_s_while_knows_the_loop_as_its_task() -> None:
    one = play(
        "do: [{l: {for: {in: '[1, 2]'}, while: '$task.name == \"l\" and $input == .', "
        "do: [{t: {set: {n: '${ $item }'}}}]}}]"
    )
    assert one.output == {"n": 2}


@pytest.mark.parametrize("millisecond", [0, 1, 29, 57, 115, 299, 500, 999])
def test_moments_are_exact_to_the_millisecond(millisecond: int) -> None:
    at = datetime(2024, 1, 31, 12, 0, 0, millisecond * 1000, tzinfo=UTC)
    one = play("do: [{t: {set: '${ $workflow.startedAt.epoch.milliseconds }'}}]", at=at)
    assert one.output == 1706702400000 + millisecond


def test_moments_are_told_in_utc() -> None:
    at = NOW.astimezone(timezone(timedelta(hours=5, minutes=30)))
    output = play("do: [{t: {set: '${ $workflow.startedAt.iso8601 }'}}]", at=at).output
    assert datetime.fromisoformat(str(output)) == NOW


def test_a_later_start_that_was_asked_for_is_when_the_workflow_started() -> None:
    first = Event(1, "workflow.started", None, {"input": {}, "start_at": "2024-02-01T00:00:00+00:00"}, NOW)
    plan = plan_of("do: [{t: {set: '${ $workflow.startedAt.iso8601 }'}}]")
    one = Play(plan, replay([first]), [first])
    one.decide()
    assert one.output == "2024-02-01T00:00:00Z"


def test_text_in_data_that_looks_like_an_expression_stays_text() -> None:
    evil = {"a": "${ $workflow.id }", "b": ["${ env }"]}
    one = play("do: [{t: {set: {x: '${ .a }', y: '${ .b }', z: 'it says: ${ .a }'}}}]", evil)
    assert one.output == {"x": "${ $workflow.id }", "y": ["${ env }"], "z": "it says: ${ $workflow.id }"}


def test_two_decisions_at_different_times_tell_their_own_time() -> None:
    one = begin("do: [{a: {set: {n: '${ [now] }'}}}, {b: {set: {n: '${ .n + [now] }'}}}]", limit=1)
    one.step()
    one.now += timedelta(seconds=10)
    one.decide()
    assert one.output == {"n": [1706702400.5, 1706702410.5]}
