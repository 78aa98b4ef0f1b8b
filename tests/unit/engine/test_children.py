"""``run: workflow``: what is started with what, and what becomes of its end."""

from __future__ import annotations

from uuid import UUID

import pytest

from pgworker.engine import events
from pgworker.engine.commands import CancelChild, Drop, StartChild
from pgworker.engine.inputs import ChildReported
from pgworker.engine.state import Status
from pgworker.types import JsonObject, JsonValue
from tests.support.post import of_kind
from tests.support.pure import ERRORS, Play, error_kind, play, resumed

GONE: JsonObject = {"type": ERRORS + "communication", "status": 503, "title": "Gone", "instance": "/do/0/x"}


def run(members: str = "", rest: str = "", value: JsonValue = None, workflow: str = "") -> Play:
    """A workflow that runs another."""
    return play(
        f"do: [{{r: {{run: {{workflow: {{namespace: shop, name: pay{workflow}}}{members}}}{rest}}}}}]", value
    )


def command(one: Play) -> StartChild:
    (start,) = of_kind(one.commands, StartChild)
    assert isinstance(start, StartChild)
    return start


def test_the_other_is_started_and_waited_for() -> None:
    one = run()
    assert one.types[1:] == [events.TASK_STARTED, events.CHILD_STARTED]
    start = command(one)
    assert (start.start, start.namespace, start.name, start.version) == (2, "shop", "pay", None)
    assert (start.input, start.waits) == ({}, True)
    assert UUID(start.child)
    one.reports(Status.COMPLETED, {"paid": True})
    assert one.output == {"paid": True}
    assert one.types[3:] == [events.CHILD_COMPLETED, events.TASK_COMPLETED, events.WORKFLOW_COMPLETED]
    assert of_kind(one.commands, CancelChild) == []


def test_what_is_started_may_depend_on_the_data() -> None:
    one = play(
        """
do:
  - r:
      input: {from: .order}
      run:
        workflow:
          namespace: ${ .shop }
          name: pay-${ .how }
          version: ${ .version }
          input: {id: '${ .id }', from: '${ $workflow.input.who }'}
""",
        {"order": {"shop": "s", "how": "cash", "version": "1.2.3", "id": 7}, "who": "me"},
    )
    start = command(one)
    assert (start.namespace, start.name, start.version) == ("s", "pay-cash", "1.2.3")
    assert start.input == {"id": 7, "from": "me"}


@pytest.mark.parametrize("version", [", version: latest", ", version: '${ \"latest\" }'", ""])
def test_the_newest_version_is_meant_where_none_is_named(version: str) -> None:
    assert command(run(workflow=version)).version is None


@pytest.mark.parametrize(
    "workflow", [", version: '${ null }'", ", version: '${ 1 }'", ", version: '${ \"\" }'"]
)
def test_a_version_that_is_no_text_fails_the_task(workflow: str) -> None:
    one = run(workflow=workflow)
    assert error_kind(one.error) == "configuration"
    assert one.commands == []


def test_each_start_has_an_id_of_its_own_that_follows_from_the_history() -> None:
    text = "do: [{f: {for: {in: '[1, 2]'}, do: [{r: {run: {workflow: {namespace: n, name: c}}}}]}}]"
    one = play(text)
    one.reports(Status.COMPLETED, 1)
    first, second = (event.data["child"] for event in one.of(events.CHILD_STARTED))
    assert first != second
    again = play(text)
    assert [event.data["child"] for event in again.of(events.CHILD_STARTED)] == [first]


@pytest.mark.parametrize(
    ("returns", "expected"),
    [
        ("stdout", {"paid": 1}),
        ("stderr", None),
        ("code", 0),
        ("all", {"code": 0, "stdout": {"paid": 1}, "stderr": None}),
        ("none", None),
    ],
)
def test_what_is_returned_of_one_that_completed(returns: str, expected: JsonValue) -> None:
    one = run(f", return: {returns}")
    assert one.reports(Status.COMPLETED, {"paid": 1}).output == expected


@pytest.mark.parametrize(
    ("returns", "expected"), [("code", 1), ("all", {"code": 1, "stdout": None, "stderr": GONE})]
)
@pytest.mark.parametrize("status", [Status.FAILED, Status.CANCELLED])
def test_an_outcome_that_is_asked_for_is_no_error(returns: str, expected: JsonValue, status: Status) -> None:
    one = run(f", return: {returns}")
    assert one.reports(status, error=GONE).output == expected
    assert events.CHILD_FAILED in one.types


@pytest.mark.parametrize("returns", ["stdout", "stderr", "none"])
@pytest.mark.parametrize("status", [Status.FAILED, Status.CANCELLED])
def test_the_error_of_the_other_is_the_task_s(returns: str, status: Status) -> None:
    one = run(f", return: {returns}").reports(status, error=GONE)
    assert one.error == GONE | {"instance": "/do/0/r"}
    (failed,) = one.of(events.CHILD_FAILED)
    assert failed.data["status"] == status.value


def test_one_that_failed_without_saying_why_is_an_error_all_the_same() -> None:
    assert error_kind(run().reports(Status.CANCELLED).error) == "runtime"


def test_the_error_of_the_other_can_be_caught() -> None:
    one = play(
        "do: [{t: {try: [{r: {run: {workflow: {namespace: n, name: c}}}}],"
        " catch: {errors: {with: {status: 503}}, do: [{s: {set: {seen: '${ $error.title }'}}}]}}}]"
    )
    assert one.reports(Status.FAILED, error=GONE).output == {"seen": "Gone"}


def test_each_attempt_starts_another() -> None:
    one = play(
        "do: [{t: {try: [{r: {run: {workflow: {namespace: n, name: c}}}}],"
        " catch: {retry: {limit: {attempt: {count: 1}}}}}}]"
    )
    one.reports(Status.FAILED, error=GONE)
    first, second = of_kind(one.commands, StartChild)
    assert isinstance(first, StartChild)
    assert isinstance(second, StartChild)
    assert first.child != second.child
    assert one.reports(Status.COMPLETED, "ok").output == "ok"
    assert of_kind(one.commands, CancelChild) == []


@pytest.mark.parametrize("members", ["", ", await: false"])
def test_one_that_is_not_defined_is_a_fault_of_the_configuration(members: str) -> None:
    one = run(members).reports(None)
    assert error_kind(one.error) == "configuration"
    assert of_kind(one.commands, CancelChild) == []


@pytest.mark.parametrize("status", [Status.PENDING, Status.RUNNING, Status.PAUSED])
def test_one_that_still_runs_is_waited_for(status: Status) -> None:
    one = run()
    before = len(one.history)
    one.reports(status)
    assert len(one.history) == before
    assert one.status is Status.RUNNING


@pytest.mark.parametrize("returns", ["", ", return: all", ", return: none"])
def test_one_that_is_not_waited_for_gives_the_task_s_input(returns: str) -> None:
    one = run(", await: false" + returns, ", input: {from: .order}", {"order": 7})
    assert command(one).waits is False
    assert one.reports(Status.RUNNING).output == 7
    assert of_kind(one.commands, CancelChild) == []


def test_the_result_is_transformed_and_exported() -> None:
    one = run("", ", output: {as: .paid}, export: {as: '{paid: .}'}")
    assert one.reports(Status.COMPLETED, {"paid": 1}).output == 1
    assert one.state.context == {"paid": 1}
    (ended,) = one.of(events.TASK_COMPLETED)
    assert ended.data["result"] == {"paid": 1}


def test_a_result_that_does_not_conform_fails_the_task() -> None:
    one = run("", ", output: {schema: {document: {type: number}}}").reports(Status.COMPLETED, "x")
    assert error_kind(one.error) == "validation"
    assert of_kind(one.commands, CancelChild) == []


def test_a_timeout_cancels_the_other() -> None:
    one = run("", ", timeout: {after: PT5S}")
    child = command(one).child
    one.fires("timeout")
    assert error_kind(one.error) == "timeout"
    assert CancelChild(child) in one.commands


def test_the_end_of_the_other_voids_the_timeout() -> None:
    one = play(
        "do: [{r: {run: {workflow: {namespace: n, name: c}}, timeout: {after: PT5S}}}, {w: {wait: P1D}}]"
    )
    (timer,) = one.timers("timeout")
    one.reports(Status.COMPLETED)
    assert Drop(timer) in one.commands


def test_the_timeout_of_one_that_is_not_waited_for_leaves_it_running() -> None:
    one = run(", await: false", ", timeout: {after: PT5S}")
    one.fires("timeout")
    assert of_kind(one.commands, CancelChild) == []


FORK = (
    "do: [{f: {fork: {compete: true, branches: [{r: {run: {workflow: {namespace: n, name: c}MORE}}},"
    " {w: {wait: PT1S}}]}}}, {x: {wait: P1D}}]"
)


def test_a_task_that_is_cancelled_cancels_the_other() -> None:
    one = play(FORK.replace("MORE", ""))
    child = command(one).child
    assert one.fires().commands[-2:-1] == [CancelChild(child)]
    (cancelled,) = one.of(events.TASK_CANCELLED)
    assert cancelled.data["ends_child"] == child


def test_a_task_that_is_cancelled_and_does_not_wait_leaves_the_other_running() -> None:
    one = play(FORK.replace("MORE", ", await: false"))
    one.fires()
    assert of_kind(one.commands, CancelChild) == []


def test_a_cancelled_workflow_cancels_those_that_it_waits_for() -> None:
    one = play(
        "do: [{f: {fork: {branches: [{a: {run: {workflow: {namespace: n, name: c}}}},"
        " {b: {run: {workflow: {namespace: n, name: d}, await: false}}}]}}}]"
    )
    first = one.of(events.CHILD_STARTED)[0].data["child"]
    one.is_cancelled()
    assert one.status is Status.CANCELLED
    assert one.state.error is not None
    assert one.state.error["status"] == 499
    assert of_kind(one.commands, CancelChild) == [CancelChild(str(first))]


def test_a_workflow_that_has_ended_is_not_cancelled_any_more() -> None:
    one = play("do: [{s: {set: {x: 1}}}]").is_cancelled()
    assert one.output == {"x": 1}


def test_a_workflow_may_be_cancelled_before_it_has_begun() -> None:
    one = play("do: [{w: {wait: P1D}}]")
    early = resumed(one, one.history[:1])
    early.is_cancelled()
    assert early.types == [events.WORKFLOW_STARTED, events.WORKFLOW_CANCELLED]


def test_what_is_started_and_cancelled_in_one_turn_never_was() -> None:
    one = play(
        "do: [{f: {fork: {compete: true, branches: [{r: {run: {workflow: {namespace: n, name: c}}}},"
        " {s: {set: {x: 1}}}]}}}, {x: {wait: P1D}}]"
    )
    assert of_kind(one.commands, StartChild, CancelChild) == []


def test_what_runs_alone_is_started_even_if_the_workflow_ends_in_the_same_turn() -> None:
    alone = "{run: {workflow: {namespace: n, name: c}, await: false}}"
    one = play(f"do: [{{f: {{fork: {{branches: [{{r: {alone}}}, {{s: {{set: {{x: 1}}, then: end}}}}]}}}}}}]")
    assert one.status is Status.COMPLETED
    assert not command(one).waits


def test_what_runs_alone_is_started_even_if_its_task_is_cancelled_in_the_same_turn() -> None:
    alone = "{run: {workflow: {namespace: n, name: c}, await: false}}"
    one = play(
        f"do: [{{f: {{fork: {{compete: true, branches: [{{r: {alone}}}, {{s: {{set: {{x: 1}}}}}}]}}}}}},"
        " {x: {wait: P1D}}]"
    )
    assert not command(one).waits
    assert of_kind(one.commands, CancelChild) == []


def test_the_name_of_the_other_is_a_text_as_it_is_kept() -> None:
    one = play('do: [{r: {run: {workflow: {namespace: n, name: "${ [97, 0] | implode }"}}}}]')
    assert (one.status, of_kind(one.commands, StartChild)) == (Status.FAILED, [])


def test_reports_that_nobody_waits_for_do_nothing() -> None:
    one = play("do: [{r: {run: {workflow: {namespace: n, name: c}}}}, {w: {wait: P1D}}]")
    start = one.running()
    one.reports(Status.COMPLETED)
    before = len(one.history)
    for late in (start, 1, 99, one.of(events.TASK_STARTED)[-1].seq):
        one.tell(ChildReported(late, Status.FAILED))
    assert len(one.history) == before
