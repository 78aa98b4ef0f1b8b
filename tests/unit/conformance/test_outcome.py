"""Checks: each holds for a workflow that ended as the scenario says, and for no other."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from pgworker.client import TaskRow, Workflow
from pgworker.conformance.outcome import Outcome
from pgworker.conformance.steps import (
    CompletesWith,
    Ends,
    FaultsWith,
    OutputHas,
    OutputHasItems,
    OutputHasValue,
    RunsBefore,
    RunsFirst,
    RunsLast,
)
from pgworker.errors import Unmet
from pgworker.types import JsonObject, JsonValue

NOON = datetime(2025, 1, 1, 12, tzinfo=UTC)
PROBLEM: JsonObject = {
    "type": "https://example.com/tea",
    "status": 418,
    "title": "Teapot",
    "detail": "no coffee",
    "instance": "/do/0/brew",
}


def _workflow(
    status: str = "COMPLETED", output: JsonValue = None, error: JsonObject | None = None
) -> Workflow:
    return Workflow(
        id="w", namespace="n", name="n", version="1", status=status, input={}, output=output, error=error,
        last_seq=9, parent_id=None, labels={}, idempotency_key=None, priority=0, created_at=NOON,
        started_at=NOON, ended_at=NOON,
    )  # fmt: skip


def _task(
    name: str,
    seq: int,
    status: str = "COMPLETED",
    began: int = 0,
    ended: int | None = 0,
    *,
    within: str = "/do/0",
    output: JsonValue = None,
    error: JsonObject | None = None,
) -> TaskRow:
    """A run of a task that began and ended so many seconds after noon."""
    return TaskRow(
        workflow_id="w", seq=seq, task=f"{within}/{name}", name=name, kind="set", status=status, attempt=1,
        iteration=None, input={}, output=output, error=error, started_at=NOON + timedelta(seconds=began),
        ended_at=None if ended is None else NOON + timedelta(seconds=ended),
    )  # fmt: skip


def _refusal(outcome: Outcome, check) -> str:
    with pytest.raises(Unmet) as caught:
        outcome.check(check)
    return caught.value.message


@pytest.mark.parametrize("status", ["COMPLETED", "FAILED", "CANCELLED"])
def test_a_workflow_ends_as_it_should_or_the_check_says_how_it_ended(status):
    Outcome(_workflow(status), []).check(Ends(None, status))
    for other in {"COMPLETED", "FAILED", "CANCELLED"} - {status}:
        assert _refusal(Outcome(_workflow(other), []), Ends(None, status)) == (
            f"the workflow is {other}, and not {status}"
        )


def test_the_error_of_a_workflow_that_should_have_completed_is_told():
    said = _refusal(Outcome(_workflow("FAILED", error=PROBLEM), []), Ends(None, "COMPLETED"))
    assert said == (
        "the workflow is FAILED, and not COMPLETED: no coffee (https://example.com/tea, 418) at /do/0/brew"
    )


def test_a_workflows_output_is_exactly_the_expected_one():
    outcome = Outcome(_workflow(output={"a": [1, True]}), [])
    outcome.check(CompletesWith(None, {"a": [1, True]}))
    assert _refusal(outcome, CompletesWith(None, {"a": [1, 1]})) == (
        "the output of the workflow is another: found true instead of 1 at /a/1"
    )
    assert "found `a`" in _refusal(outcome, CompletesWith(None, {}))
    failed = Outcome(_workflow("FAILED", output={"a": 1}), [])
    assert "is FAILED" in _refusal(failed, CompletesWith(None, {"a": 1}))


def test_a_workflows_error_has_the_expected_members_and_maybe_others():
    outcome = Outcome(_workflow("FAILED", error=PROBLEM), [])
    outcome.check(FaultsWith(None, {"status": 418, "instance": "/do/0/brew"}))
    assert _refusal(outcome, FaultsWith(None, {"status": 400})) == (
        "the error of the workflow is another: found 418 instead of 400 at /status"
    )
    assert "found no `code`" in _refusal(outcome, FaultsWith(None, {"code": 1}))
    assert "is COMPLETED" in _refusal(
        Outcome(_workflow(error=PROBLEM), []), FaultsWith(None, {"status": 418})
    )


def test_an_output_has_properties_wherever_their_paths_lead():
    outcome = Outcome(_workflow(output={"pets": [{"name": "Milou"}], "none": None}), [])
    outcome.check(OutputHas(("pets", "pets.0.name", "none")))
    assert _refusal(outcome, OutputHas(("pets", "pets.0.age"))) == (
        'the output has no `pets.0.age`: there is no `age` in {"name":"Milou"}'
    )
    for path in ("pets.1", "pets.name", "none.more", "Pets"):
        assert f"the output has no `{path}`" in _refusal(outcome, OutputHas((path,)))
    failed = Outcome(_workflow("FAILED", output={"a": 1}), [])
    assert "is FAILED" in _refusal(failed, OutputHas(("a",)))


def test_a_property_has_exactly_the_expected_value():
    outcome = Outcome(_workflow(output={"a": {"b": None}}), [])
    outcome.check(OutputHasValue("a.b", None))
    assert _refusal(outcome, OutputHasValue("a.b", False)) == (
        "the output's `a.b` is another: found null instead of false"
    )
    assert "the output has no `a.c`" in _refusal(outcome, OutputHasValue("a.c", None))


def test_a_property_has_as_many_items_as_expected():
    outcome = Outcome(_workflow(output={"a": [1, 2], "b": {"x": 1, "y": 2}}), [])
    outcome.check(OutputHasItems("a", 2))
    assert _refusal(outcome, OutputHasItems("a", 1)) == "the output's `a` has 2 items, and not 1: [1,2]"
    assert "is no array" in _refusal(outcome, OutputHasItems("b", 2))
    assert "the output has no `c`" in _refusal(outcome, OutputHasItems("c", 0))


def test_first_and_last_are_told_by_the_beginnings_and_skipped_tasks_do_not_count():
    tasks = [
        _task("skipped", 1, "SKIPPED"),
        _task("outer", 2, began=0, ended=9),
        _task("inner", 3, began=1, ended=2, within="/do/0/outer/do/0"),
        _task("skipped", 4, "SKIPPED"),
    ]
    outcome = Outcome(_workflow(), tasks)
    outcome.check(RunsFirst("outer"))
    outcome.check(RunsLast("inner"))
    assert _refusal(outcome, RunsFirst("inner")) == "`outer` ran first, and not the task `inner`"
    assert _refusal(outcome, RunsLast("outer")) == "`inner` ran last, and not the task `outer`"
    assert _refusal(outcome, RunsLast("skipped")) == (
        "the task `skipped` did not run: what ran is `outer`, `inner`"
    )
    assert _refusal(Outcome(_workflow(), []), RunsFirst("a")).endswith("what ran is nothing")


def test_a_task_runs_before_another_only_if_it_had_ended_when_the_other_began():
    outcome = Outcome(
        _workflow(),
        [_task("a", 1, ended=1), _task("b", 2, began=1, ended=3), _task("c", 3, began=2, ended=None)],
    )
    outcome.check(RunsBefore("a", "b"))
    assert _refusal(outcome, RunsBefore("b", "a")) == "the task `b` did not begin before the task `a`"
    assert _refusal(outcome, RunsBefore("b", "c")) == "the task `b` had not ended when the task `c` began"
    assert "did not begin before" in _refusal(outcome, RunsBefore("a", "a"))
    assert "the task `d` did not run" in _refusal(outcome, RunsBefore("a", "d"))


def test_a_task_runs_before_those_inside_it():
    outer, inner = _task("outer", 1, ended=9), _task("inner", 2, began=1, within="/do/0/outer/do/0")
    Outcome(_workflow(), [outer, inner]).check(RunsBefore("outer", "inner"))
    beside = _task("beside", 2, began=1, within="/do/0/outer2")
    assert "had not ended" in _refusal(Outcome(_workflow(), [outer, beside]), RunsBefore("outer", "beside"))


def test_the_order_of_tasks_that_ran_again_is_that_of_their_first_runs():
    tasks = [_task("a", 1), _task("b", 2), _task("a", 3), _task("b", 4)]
    Outcome(_workflow(), tasks).check(RunsBefore("a", "b"))
    assert "did not begin" in _refusal(Outcome(_workflow(), tasks), RunsBefore("b", "a"))


@pytest.mark.parametrize("status", ["COMPLETED", "FAILED", "CANCELLED"])
def test_a_task_is_judged_by_its_last_run(status):
    other = "FAILED" if status == "COMPLETED" else "COMPLETED"
    Outcome(_workflow(), [_task("a", 1, other), _task("a", 2, status)]).check(Ends("a", status))
    outcome = Outcome(_workflow(), [_task("a", 1, status), _task("a", 2, other)])
    assert _refusal(outcome, Ends("a", status)) == f"the task `a` is {other}, and not {status}"


def test_a_task_that_did_not_run_has_not_ended_in_any_way():
    outcome = Outcome(_workflow(), [_task("a", 1, "SKIPPED"), _task("b", 2)])
    for status in ("COMPLETED", "FAILED", "CANCELLED"):
        assert "the task `a` did not run" in _refusal(outcome, Ends("a", status))


def test_a_tasks_output_and_error_are_its_own():
    outcome = Outcome(
        _workflow(output=1, error={"status": 1}),
        [_task("a", 1, output=2), _task("b", 2, "FAILED", error=PROBLEM)],
    )
    outcome.check(CompletesWith("a", 2))
    outcome.check(FaultsWith("b", {"title": "Teapot"}))
    assert "the output of the task `a` is another: found 2" in _refusal(outcome, CompletesWith("a", 1))
    assert "the error of the task `b` is another" in _refusal(outcome, FaultsWith("b", {"status": 1}))
    assert "is FAILED" in _refusal(outcome, CompletesWith("b", None))
    assert "is COMPLETED" in _refusal(outcome, FaultsWith("a", {"status": 1}))
