"""A paused workflow takes in what is done for it, and begins nothing until it is resumed."""

from __future__ import annotations

from pgworker.engine import events
from pgworker.engine.commands import CancelChild, Perform
from pgworker.engine.state import Status
from tests.support.post import of_kind
from tests.support.pure import begin, play, resumed

CALL = "call: http, with: {method: get, endpoint: 'http://shop.test'}"


def test_a_result_is_recorded_and_the_next_task_does_not_begin() -> None:
    one = play(f"do: [{{a: {{{CALL}}}}}, {{b: {{{CALL}}}}}]").pauses().returns({"n": 1})
    assert one.status is Status.PAUSED
    assert one.types[-2:] == [events.WORKFLOW_PAUSED, events.TASK_COMPLETED]
    assert len(of_kind(one.commands, Perform)) == 1
    one.resumes()
    assert one.calling("b")
    assert one.returns({"n": 2}).output == {"n": 2}


def test_a_failure_is_recorded_and_dealt_with_once_it_goes_on() -> None:
    one = play(
        f"do: [{{t: {{try: [{{a: {{{CALL}}}}}], catch: {{do: [{{c: {{set: {{caught: true}}}}}}]}}}}}}]"
    ).pauses()
    one.fails()
    assert (one.status, one.types[-1]) == (Status.PAUSED, events.TASK_FAILED)
    assert one.resumes().output == {"caught": True}


def test_one_that_has_not_begun_begins_when_it_is_resumed() -> None:
    one = begin("do: [{s: {set: {x: 1}}}]").pauses()
    assert not one.step().events
    assert one.resumes().output == {"x": 1}


def test_a_paused_workflow_can_be_cancelled_by_who_started_it() -> None:
    one = play("do: [{r: {run: {workflow: {namespace: n, name: c}}}}]").pauses().is_cancelled()
    assert one.status is Status.CANCELLED
    assert len(of_kind(one.commands, CancelChild)) == 1


def test_another_process_knows_that_it_is_paused() -> None:
    one = play(f"do: [{{a: {{{CALL}}}}}, {{b: {{set: {{x: 1}}}}}}]").pauses()
    other = resumed(one, one.history)
    assert other.returns({}).status is Status.PAUSED
    assert other.resumes().output == {"x": 1}
