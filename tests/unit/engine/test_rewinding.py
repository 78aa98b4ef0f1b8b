"""A workflow that failed goes on from a point at which nothing ran side by side."""

from __future__ import annotations

import pytest

from pgworker.engine import events
from pgworker.engine.commands import FireTimer, Perform
from pgworker.engine.state import Status
from pgworker.engine.state_json import state_text
from tests.support.post import of_kind
from tests.support.pure import Play, error_kind, play, resumed

CALL = "call: http, with: {method: get, endpoint: 'http://shop.test'}"
SAVE = f"{{save: {{{CALL}, output: {{as: '. + {{saved: true}}'}}}}}}"


def failed(text: str) -> Play:
    """A workflow whose only call that runs fails."""
    one = play(text, {"n": 1}).fails()
    assert one.status is Status.FAILED
    return one


def test_the_failed_task_runs_again_with_the_data_it_had() -> None:
    one = failed(f"do: [{{a: {{set: {{n: 2}}}}}}, {SAVE}, {{z: {{set: {{got: '${{ . }}'}}}}}}]").is_retried()
    assert one.status is Status.RUNNING
    assert one.ran.count("a") == 1
    assert one.returns({"n": 3}).output == {"got": {"n": 3, "saved": True}}


def test_it_goes_back_into_lists_inside_lists() -> None:
    one = failed(
        f"do: [{{outer: {{do: [{{a: {{set: {{n: 2}}}}}}, {{loop: {{for: {{in: '${{ [1, 2] }}'}}, do: ["
        f"{{c: {{set: {{n: '${{ .n + $item }}'}}}}}}, {SAVE}]}}}}]}}}}]"
    ).is_retried()
    assert (one.ran.count("a"), one.ran.count("c")) == (1, 1)
    one.returns({"n": 10})
    assert one.ran.count("c") == 2
    assert one.returns({"n": 20}).output == {"n": 20, "saved": True}


def test_what_ran_side_by_side_begins_again_as_a_whole() -> None:
    one = failed(
        f"do: [{{a: {{set: {{n: 2}}}}}}, {{f: {{fork: {{branches: [{SAVE}, {{w: {{wait: P1D}}}}]}}}}}}]"
    )
    before = len(of_kind(one.commands, Perform))
    one.is_retried()
    assert one.ran.count("a") == 1
    assert len(of_kind(one.commands, Perform)) == before + 1
    assert one.returns({}).fires().status is Status.COMPLETED


def test_a_task_with_a_time_limit_begins_again_and_gets_it_anew() -> None:
    one = failed(f"do: [{{d: {{timeout: {{after: PT1H}}, do: [{{a: {{set: {{n: 2}}}}}}, {SAVE}]}}}}]")
    limits = len(of_kind(one.commands, FireTimer))
    one.is_retried()
    assert one.ran.count("a") == 2
    assert len(of_kind(one.commands, FireTimer)) == limits + 1
    assert one.returns({}).status is Status.COMPLETED


def test_the_workflows_own_time_limit_begins_anew() -> None:
    one = failed(f"timeout: {{after: PT1H}}\ndo: [{SAVE}]").is_retried()
    assert len(of_kind(one.commands, FireTimer)) == 2
    one.fires("timeout")
    assert error_kind(one.error) == "timeout"


@pytest.mark.parametrize("name", ["b", "/do/1/b"])
def test_it_can_go_back_to_another_task_that_it_has_run(name: str) -> None:
    one = failed(
        "do: [{a: {set: {n: 2}, export: {as: '{at: .n}'}}},"
        " {b: {set: {n: '${ .n + 1 }'}, export: {as: '{at: .n}'}}},"
        f" {SAVE}, {{z: {{set: {{at: '${{ $context.at }}'}}}}}}]"
    ).is_retried(name)
    assert (one.ran.count("a"), one.ran.count("b")) == (1, 2)
    assert one.returns({}).output == {"at": 3}


def test_a_caught_error_is_not_what_it_goes_back_to() -> None:
    caught = f"{{t: {{try: [{{x: {{{CALL}}}}}], catch: {{do: [{{c: {{set: {{caught: true}}}}}}]}}}}}}"
    one = play(f"do: [{caught}, {SAVE}]")
    one.fails().fails().is_retried()
    assert one.ran.count("c") == 1
    assert one.returns({}).output == {"saved": True}


def test_it_can_fail_and_be_retried_again() -> None:
    one = failed(f"do: [{{a: {{set: {{n: 2}}}}}}, {SAVE}]").is_retried().fails().is_retried()
    assert one.ran.count("a") == 1
    assert one.returns({}).status is Status.COMPLETED


def test_a_workflow_that_could_not_take_its_input_takes_it_again() -> None:
    one = play("input: {schema: {document: {required: [m]}}}\ndo: [{s: {set: {x: 1}}}]").is_retried()
    assert one.status is Status.FAILED
    assert error_kind(one.error) == "validation"


def test_another_process_comes_to_the_same_state() -> None:
    one = failed(f"do: [{{o: {{do: [{{a: {{set: {{n: 2}}}}}}, {SAVE}]}}}}]").is_retried()
    other = resumed(one, one.history)
    assert state_text(other.state) == state_text(one.state)
    assert other.returns({}).status is Status.COMPLETED
    assert other.types.count(events.WORKFLOW_REWOUND) == 1


def test_a_workflow_may_be_paused_before_it_goes_back() -> None:
    one = failed(f"do: [{SAVE}]")
    one.befalls(events.WORKFLOW_RETRIED).pauses()
    assert (one.status, one.state.retrying) == (Status.PAUSED, "")
    assert one.is_cancelled().status is Status.CANCELLED
