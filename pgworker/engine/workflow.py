"""The workflow's own data flow around its task list ("Data Flow" in the DSL, steps 1, 2, 10 and 11)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

import orjson

from pgworker.engine import events
from pgworker.engine.decision import Decision
from pgworker.engine.faults import FAILURES, problem_of
from pgworker.engine.rewinding import Back
from pgworker.engine.run import conform
from pgworker.engine.state import ROOT, Frame
from pgworker.engine.state_json import state_text
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
    part = "/input"
    try:
        if not root.begun and root.index < 0:
            conform(decision.plan.flow.input_schema, root.raw, "workflow's input")
            part = "/timeout"
            _set_timeout(decision, root, root.started_at)
            part = "/input"
            if _transforms_input(decision, root):
                return
        if node is None or decision.state.ending:
            part = "/output"
            _complete(decision, root)
            return
    except FAILURES as failure:
        _end(decision, root, events.WORKFLOW_FAILED, {"error": problem_of(failure, part)})
        return
    start(decision, root, node)


def cancel(decision: Decision) -> None:
    """Ends the workflow because whoever started it does not wait for it any more."""
    state = decision.state
    if state.status.is_terminal:
        return
    root = state.frames.get(ROOT)
    if root is not None:
        cancel_inside(decision, root)
    fault = Fault(FaultKind.RUNTIME, "the workflow that started this one does not wait for it any more")
    error = problem_of(fault, "/") | {"status": 499, "title": "Cancelled"}
    _end(decision, root, events.WORKFLOW_CANCELLED, {"error": error})


def fail(decision: Decision, fault: Fault) -> None:
    """Ends the workflow for a reason that lies in none of its tasks."""
    root = decision.state.frames[ROOT]
    cancel_inside(decision, root)
    _end(decision, root, events.WORKFLOW_FAILED, {"error": problem_of(fault, "/")})


def rewind(decision: Decision, back: Back) -> None:
    """Goes on from an earlier state; the workflow's time limit begins anew."""
    try:
        earlier = orjson.loads(state_text(back.state))
        data: JsonObject = {"to": back.state.seq, "state": earlier, "returned": back.returned}
        decision.record(events.WORKFLOW_REWOUND, None, data)
        _set_timeout(decision, decision.state.frames[ROOT], decision.now)
    except FAILURES as failure:
        root = decision.state.frames.get(ROOT)
        _end(decision, root, events.WORKFLOW_FAILED, {"error": problem_of(failure, "/")})


def _set_timeout(decision: Decision, root: Frame, since: datetime) -> None:
    timeout = decision.plan.timeout
    if timeout is not None and not root.timers:
        scope = decision.scope(ROOT)
        scope.input = root.raw
        due_at = due_after(timeout, since, root.raw, scope)
        data: JsonObject = {"start": ROOT, "due_at": due_at.isoformat(), "purpose": "timeout"}
        decision.record(events.TIMER_SET, None, data)


def _transforms_input(decision: Decision, root: Frame) -> bool:
    """Whether the input is another than the raw one; an event says so."""
    transform = decision.plan.flow.input_from
    if transform is None:
        return False
    scope = decision.scope(ROOT)
    scope.input = root.raw
    decision.record(
        events.INPUT_TRANSFORMED, None, {"output": canonical(transform.evaluate(root.raw, scope.bind))}
    )
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


def _end(decision: Decision, root: Frame | None, type_: str, data: JsonObject) -> None:
    if root is not None and root.timers:
        data["ends_jobs"] = [*root.timers]
    decision.record(type_, None, data)
