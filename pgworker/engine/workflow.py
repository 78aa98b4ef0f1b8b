"""The workflow's own data flow around its task list ("Data Flow" in the DSL, steps 1, 2, 10 and 11)."""

from __future__ import annotations

from collections.abc import Callable

from pgworker.engine import events
from pgworker.engine.decision import Decision
from pgworker.engine.faults import FAILURES, problem_of
from pgworker.engine.run import conform
from pgworker.engine.state import ROOT, Frame
from pgworker.engine.tasks.cancelling import cancel_inside
from pgworker.engine.times import due_after
from pgworker.errors import Fault, FaultKind
from pgworker.plan.nodes import Node
from pgworker.types import JsonObject
from pgworker.values import canonical


def advance(
    decision: Decision, root: Frame, node: Node | None, start: Callable[[Decision, Frame, Node], None]
) -> None:
    """Takes the input, starts the next task ``node``, or ends the workflow."""
    if root.error is not None:
        cancel_inside(decision, root)
        _end(decision, root, events.WORKFLOW_FAILED, {"error": root.error})
        return
    try:
        if not root.begun and root.index < 0 and _begins(decision, root):
            return
        if node is None or decision.state.ending:
            _complete(decision, root)
            return
    except FAILURES as failure:
        where = "/output" if root.begun else "/input"
        _end(decision, root, events.WORKFLOW_FAILED, {"error": problem_of(failure, where)})
        return
    start(decision, root, node)


def cancel(decision: Decision) -> None:
    """Ends the workflow because whoever started it does not wait for it any more."""
    state = decision.state
    if state.status.is_terminal or ROOT not in state.frames:
        return
    root = state.frames[ROOT]
    cancel_inside(decision, root)
    fault = Fault(FaultKind.RUNTIME, "the workflow that started this one does not wait for it any more")
    error = fault.problem("/") | {"status": 499, "title": "Cancelled"}
    _end(decision, root, events.WORKFLOW_CANCELLED, {"error": error})


def fail(decision: Decision, fault: Fault) -> None:
    """Ends the workflow for a reason that lies in none of its tasks."""
    root = decision.state.frames[ROOT]
    cancel_inside(decision, root)
    _end(decision, root, events.WORKFLOW_FAILED, {"error": fault.problem("/")})


def _begins(decision: Decision, root: Frame) -> bool:
    """Checks the workflow's input and sets its timeout; true if an event says that it has begun."""
    flow = decision.plan.flow
    conform(flow.input_schema, root.raw, "workflow's input")
    scope = decision.scope(ROOT)
    scope.input = root.raw
    timeout = decision.plan.timeout
    if timeout is not None and not root.timers:
        due_at = due_after(timeout, root.started_at, root.raw, scope)
        data: JsonObject = {"start": ROOT, "due_at": due_at.isoformat(), "purpose": "timeout"}
        decision.record(events.TIMER_SET, None, data)
    if flow.input_from is None:
        return False
    value = canonical(flow.input_from.evaluate(root.raw, scope.bind))
    decision.record(events.INPUT_TRANSFORMED, None, {"output": value})
    return True


def _complete(decision: Decision, root: Frame) -> None:
    flow = decision.plan.flow
    output = root.data
    if flow.output_as is not None:
        scope = decision.scope(ROOT)
        scope.input = root.input
        scope.output = output
        output = canonical(flow.output_as.evaluate(output, scope.bind))
    conform(flow.output_schema, output, "workflow's output")
    data: JsonObject = {"output_from": root.data_origin} if flow.output_as is None else {"output": output}
    _end(decision, root, events.WORKFLOW_COMPLETED, data)


def _end(decision: Decision, root: Frame, type_: str, data: JsonObject) -> None:
    if root.timers:
        data["ends_jobs"] = [*root.timers]
    decision.record(type_, None, data)
