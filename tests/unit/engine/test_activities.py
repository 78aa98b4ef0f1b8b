"""Calls: what the world is asked to do, and what becomes of its answers."""

from __future__ import annotations

import pytest

from pgworker.engine import events
from pgworker.engine.commands import FireTimer, Perform, commands
from pgworker.engine.events import Event
from pgworker.engine.inputs import ActivityCompleted, ActivityFailed
from pgworker.engine.state import Status
from pgworker.errors import Fault, FaultKind
from pgworker.types import JsonValue
from tests.support.pure import NOW, error_kind, play

CALL = "call: http, with: {method: get, endpoint: 'http://x.test'}"


def arguments(written: str, value: JsonValue = None) -> JsonValue:
    (command,) = play(f"do: [{{c: {{call: http, with: {written}}}}}]", value).commands
    assert isinstance(command, Perform)
    return command.data["arguments"]


def test_a_call_asks_for_an_activity_under_the_seq_of_its_start() -> None:
    one = play(f"do: [{{a: {{set: {{x: 1}}}}}}, {{c: {{{CALL}}}}}]")
    assert one.commands == [Perform(3, "/do/1/c", one.history[2].data)]
    assert one.status is Status.RUNNING
    assert one.history[-1].type == events.TASK_STARTED


@pytest.mark.parametrize(
    ("written", "key", "result"),
    [
        ("{method: get, endpoint: 'http://x/{id}/${ .p }'}", "endpoint", "http://x/7/q"),
        ("{method: get, endpoint: {uri: 'http://x/{id}'}}", "endpoint", "http://x/7"),
        ("{method: get, endpoint: '${ .u }'}", "endpoint", "http://y/{id}"),
        (
            "{method: get, endpoint: 'http://x', headers: {a: '${ .p }', b: c}}",
            "headers",
            {"a": "q", "b": "c"},
        ),
        ("{method: get, endpoint: 'http://x', headers: '${ {z: .p} }'}", "headers", {"z": "q"}),
        ("{method: get, endpoint: 'http://x', query: {a: '${ .id }'}}", "query", {"a": 7}),
        ("{method: get, endpoint: 'http://x', body: {a: ['${ .id }']}}", "body", {"a": [7]}),
        ("{method: get, endpoint: 'http://x', body: '${ . | keys }'}", "body", ["id", "p", "u"]),
        ("{method: get, endpoint: 'http://x', body: null}", "body", None),
        ("{method: get, endpoint: 'http://x', output: response}", "output", "response"),
        ("{method: get, endpoint: 'http://x', redirect: true}", "redirect", True),
    ],
)
def test_the_arguments_are_evaluated_before_they_are_recorded(
    written: str, key: str, result: JsonValue
) -> None:
    found = arguments(written, {"id": 7, "p": "q", "u": "http://y/{id}"})
    assert isinstance(found, dict)
    assert found[key] == result


def test_the_arguments_read_the_transformed_input() -> None:
    one = play(
        "do: [{c: {input: {from: .deep}, call: http, with: {method: get, endpoint: 'http://x/{id}'}}}]",
        {"deep": {"id": 1}},
    )
    assert one.history[1].data["arguments"] == {"method": "get", "endpoint": "http://x/1"}


def test_the_result_is_the_raw_output() -> None:
    one = play(f"do: [{{c: {{{CALL}}}}}]").returns({"b": 1.0, "a": [2]})
    assert one.output == {"a": [2], "b": 1}
    (event,) = one.of(events.TASK_COMPLETED)
    assert event.data == {
        "start": 2, "kind": "call", "output": {"b": 1, "a": [2]}, "attempt": 1, "token": "token"
    }  # fmt: skip


def test_a_transformed_result_is_kept_beside_the_output() -> None:
    one = play(f"do: [{{c: {{{CALL}, output: {{as: .a}}}}}}]").returns({"a": 5, "b": 6})
    assert one.output == 5
    (event,) = one.of(events.TASK_COMPLETED)
    assert (event.data["result"], event.data["output"]) == ({"a": 5, "b": 6}, 5)


def test_input_and_result_can_be_put_together() -> None:
    one = play(
        f"do: [{{a: {{{CALL}, output: {{as: .id}}}}}}, {{b: {{{CALL}, output: {{as: '{{ids: [$input, "
        f".id]}}'}}}}}}]"
    )
    assert one.returns({"id": 1}).returns({"id": 2}).output == {"ids": [1, 2]}


@pytest.mark.parametrize("result", [None, "", 0, False, [], {}, "text", 2**63])
def test_any_value_is_a_result(result: JsonValue) -> None:
    assert play(f"do: [{{c: {{{CALL}}}}}]", {"a": 1}).returns(result).output == result


def test_a_failed_activity_fails_its_task_with_that_fault() -> None:
    one = play(f"do: [{{o: {{do: [{{c: {{{CALL}}}}}]}}}}]").fails("status 503", FaultKind.COMMUNICATION)
    assert error_kind(one.error) == "communication"
    assert (one.error["status"], one.error["detail"]) == (500, "status 503")
    assert one.error["instance"] == "/do/0/o/do/0/c"
    failed = one.of(events.TASK_FAILED)[0]
    assert (failed.data["start"], failed.data["attempt"], failed.data["token"]) == (3, 1, "token")


def test_a_fault_may_have_its_own_status() -> None:
    one = play(f"do: [{{c: {{{CALL}}}}}]")
    one.tell(ActivityFailed(2, Fault(FaultKind.COMMUNICATION, "gone", status=410), 3, "t"))
    assert one.error["status"] == 410


@pytest.mark.parametrize(
    "transform",
    ["output: {as: .a.b.c}", "output: {schema: {document: {type: string}}}", "export: {as: .a.b.c}"],
)
def test_a_result_that_cannot_be_transformed_fails_the_task(transform: str) -> None:
    one = play(f"do: [{{c: {{{CALL}, {transform}}}}}]").returns({"a": 1})
    assert error_kind(one.error) in ("expression", "validation")
    assert one.error["instance"] == "/do/0/c"
    assert one.of(events.TASK_FAILED)[0].data["token"] == "token"


@pytest.mark.parametrize("result", ["a\0", "\ud800", {"x": float("nan")}, [float("inf")]])
def test_a_result_that_the_database_cannot_hold_fails_the_task(result: JsonValue) -> None:
    one = play(f"do: [{{c: {{{CALL}}}}}]").returns(result)
    assert error_kind(one.error) == "validation"


def test_a_result_that_is_too_large_for_an_event_fails_the_task() -> None:
    one = play(f"do: [{{c: {{{CALL}}}}}]").returns("x" * 9_000_000)
    assert error_kind(one.error) == "runtime"
    assert "an event may hold" in str(one.error["detail"])


@pytest.mark.parametrize("failed", [False, True])
def test_an_answer_that_nobody_waits_for_is_ignored(failed: bool) -> None:
    one = play(f"do: [{{a: {{{CALL}}}}}, {{b: {{{CALL}}}}}]").returns(1)
    before = list(one.history)
    for start in (0, 1, 2, 3, 99):
        fault = Fault(FaultKind.RUNTIME, "late")
        one.tell(ActivityFailed(start, fault, 1, "t") if failed else ActivityCompleted(start, 9, 1, "t"))
    assert one.history == before
    assert one.returns(2).output == 2


def test_the_second_answer_of_one_turn_is_ignored() -> None:
    one = play(f"do: [{{c: {{{CALL}}}}}]")
    one.tell(ActivityCompleted(2, "first", 1, "t"), ActivityCompleted(2, "second", 2, "u"))
    assert one.output == "first"
    assert len(one.of(events.TASK_COMPLETED)) == 1


def test_an_answer_after_the_end_is_ignored() -> None:
    one = play(f"do: [{{c: {{{CALL}}}}}]").returns(1)
    before = list(one.history)
    one.tell(ActivityCompleted(2, "late", 1, "t"))
    assert one.history == before


def test_a_cancelled_workflow_takes_no_more_answers() -> None:
    one = play(f"do: [{{c: {{{CALL}}}}}]")
    cancelled = Event(3, events.WORKFLOW_CANCELLED, None, {}, NOW)
    one.history.append(cancelled)
    from pgworker.engine.evolve import evolve

    evolve(one.state, cancelled)
    one.tell(ActivityCompleted(2, "late", 1, "t"))
    assert one.status is Status.CANCELLED
    assert one.history[-1] is cancelled


@pytest.mark.parametrize(
    ("policy", "parameter"),
    [
        ("{bearer: {token: '${ .t }'}}", {"scheme": "Bearer", "parameter": "abc"}),
        ("{basic: {username: ada, password: pw}}", {"scheme": "Basic", "parameter": "YWRhOnB3"}),
        ("{bearer: {use: key}}", {"scheme": "Bearer", "parameter": None}),
        ("{digest: {username: ada, password: pw}}", {"scheme": "Digest", "parameter": None}),
        ("{oauth2: {authority: 'https://x', grant: password}}", {"scheme": "Bearer", "parameter": None}),
    ],
)
def test_output_and_export_know_how_the_call_was_authenticated(policy: str, parameter: JsonValue) -> None:
    call = f"call: http, with: {{method: get, endpoint: {{uri: 'http://x.test', authentication: {policy}}}}}"
    flow = "output: {as: '${ $authorization }'}, export: {as: '${ {auth: $authorization} }'}"
    document = f"use: {{secrets: [key]}}\ndo: [{{c: {{{call}, {flow}}}}}]"
    one = play(document, {"t": "abc"}).returns("answer")
    assert one.state.output == parameter
    assert one.history[-2].data["context"] == {"auth": parameter}


@pytest.mark.parametrize("detail", ["a\0b", "half \ud800", "x" * 100_000])
def test_whatever_a_fault_says_can_be_written_down(detail: str) -> None:
    one = play(f"do: [{{c: {{{CALL}}}}}]").fails(detail)
    assert "\\u0000" not in one.encoded[-1].replace("\\\\u0000", "")
    assert len(one.encoded[-1]) < 20_000


def test_commands_are_read_off_events_alone() -> None:
    one = play(f"do: [{{w: {{wait: PT1S}}}}, {{c: {{{CALL}}}}}]").fires()
    assert [type(command) for command in one.commands] == [FireTimer, Perform]
    assert list(commands([])) == []
    for event in one.history:
        assert len(list(commands([event]))) == (
            event.type == events.TIMER_SET or (event.type == events.TASK_STARTED and "activity" in event.data)
        )


def test_replayed_events_ask_for_the_same() -> None:
    from tests.support.pure import stored

    one = play(f"do: [{{w: {{wait: PT1S}}}}, {{c: {{{CALL}}}}}]").fires()
    assert list(commands([*map(stored, one.history)])) == list(commands(one.history))
